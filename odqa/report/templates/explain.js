// Explanation of a ranker: the text of a passage with marks, and the question's tokens in order.
const [PASSAGE, KIND, SHARE, PIECES, MATCHES] = [0, 1, 2, 3, 4];
// [CLS], [MASK] and the like: they count in a score, but are no words of the question.
const FILLER = /^\[.+\]$/;
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function explanationOf(p, q, number) {
  return (DATA.explained[p][q] || []).find((explanation) => explanation[PASSAGE] === number);
}

function isExplained(q) {
  return DATA.explained.some((byQuestion) => byQuestion[q]);
}

function triples(flat) {
  return Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3));
}

// Pieces with offsets as JavaScript counts; {start, end, weight, text}.
function piecesIn(full, flat) {
  const offsets = [0];
  for (const character of full) offsets.push(offsets[offsets.length - 1] + character.length);
  return triples(flat).map(([from, to, weight]) => {
    const [start, end] = [offsets[from], offsets[to]];
    return { start, end, weight, text: full.slice(start, end) };
  });
}

// The whole passage; build(piece, number, text, first) makes the element for text inside a piece.
function piecewise(title, full, answers, pieces, build) {
  const owner = new Int32Array(full.length).fill(-1), accepted = new Uint8Array(full.length);
  pieces.forEach((piece, i) => owner.fill(i, piece.start, piece.end));
  for (const [start, end] of answerRanges(full, answers)) accepted.fill(1, start, end);
  const heading = element("strong"), parts = [];
  for (let i = 0; i < full.length;) {
    let j = i + 1;
    const inTitle = i < title.length;
    while (j < full.length && owner[j] === owner[i] && accepted[j] === accepted[i]
           && (j < title.length) === inTitle) j++;
    const text = full.slice(i, j), piece = pieces[owner[i]];
    const node = piece ? build(piece, owner[i], text, i === piece.start) : element("span", "", text);
    if (accepted[i]) node.classList.add("accepted");
    if (inTitle) heading.append(node);
    else parts.push(node);
    i = j;
  }
  return element("p", "pieces", heading, ...parts);
}

function shaded(text, share) {
  const mark = element("mark", "shaded", text);
  mark.style.setProperty("--strength", `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`);
  return mark;
}

function alignmentView(explanation, title, full, answers) {
  const pieces = piecesIn(full, explanation[PIECES]), matches = triples(explanation[MATCHES]);
  const questionMatches = matches.filter(([token]) => !FILLER.test(token));
  const passage = piecewise(title, full, answers, pieces, (piece, i, text, first) => {
    const tokens = questionMatches.filter((match) => match[1] === i).map(([token]) => token);
    // A whole word has a margin, as the tokens over it may be wider than it is.
    const spaced = !/[\p{L}\p{N}]/u.test((full[piece.start - 1] || "") + (full[piece.end] || ""));
    const node = element(tokens.length ? "ruby" : "span", tokens.length ? (spaced ? "spaced" : "") : "filler");
    node.append(tokens.length ? shaded(text, piece.weight) : text);
    // Over its piece, the continuation mark ## of a token is left out.
    if (tokens.length && first) node.append(element("rt", "", tokens.map((t) => t.replace(/^##/, "")).join(" ")));
    node.dataset.piece = i;
    return node;
  });
  const list = element("ol", "tokens", ...questionMatches.map(([token, i, score]) => {
    const text = pieces[i].text || "a marker";
    const button = element("button", "token", `${token} → ${text} `, element("b", "", score.toFixed(2)));
    button.type = "button";
    button.dataset.piece = i;
    button.setAttribute("aria-pressed", "false");
    return element("li", "", button);
  }));
  const sum = (triples) => triples.reduce((total, [, , score]) => total + score, 0).toFixed(2);
  const fillers = matches.filter(([token]) => FILLER.test(token));
  const rest = fillers.length ? `, of it ${sum(fillers)} by ${fillers.length} markers and fillers` : "";
  return [passage, list, element("p", "values", `sum of similarities ${sum(matches)}${rest}`)];
}

// [word, sum of its weights], the highest first. Adjacent pieces are one word, unless one of them
// is punctuation.
function wordWeights(pieces) {
  const runs = [];
  for (const piece of pieces) {
    const last = runs[runs.length - 1];
    const adjacent = last && last.end === piece.start;
    if (adjacent && /^[\p{L}\p{N}\p{M}]+$/u.test(last.text + piece.text)) {
      last.text += piece.text;
      last.end = piece.end;
      last.weight += piece.weight;
    } else runs.push({ ...piece });
  }
  const sums = new Map();
  for (const { text, weight } of runs) sums.set(text, (sums.get(text) || 0) + weight);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

function attentionView(explanation, title, full, answers) {
  const pieces = piecesIn(full, explanation[PIECES]);
  const highest = Math.max(...pieces.filter((p) => p.end > p.start).map((p) => p.weight), 1e-9);
  const passage = piecewise(title, full, answers, pieces, (piece, i, text) => {
    const mark = shaded(text, piece.weight / highest);
    mark.title = percent(piece.weight);
    return mark;
  });
  const heaviest = wordWeights(pieces.filter((p) => p.end > p.start)).slice(0, 5);
  const listed = heaviest.map(([word, weight]) => `${word} ${percent(weight)}`).join(", ");
  const markers = pieces.filter((p) => p.end === p.start).reduce((sum, p) => sum + p.weight, 0);
  const rest = markers ? `; markers ${percent(markers)}` : "";
  return [passage, element("p", "values", `most on: ${listed}${rest}`)];
}

function attentionBar(share) {
  const fill = element("span");
  fill.style.width = `${100 * share}%`;
  const bar = element("span", "bar", fill);
  bar.setAttribute("aria-hidden", "true");
  return bar;
}

// The explanation under a passage, built when it is opened.
function showExplanation(explanation, [, title, text], answers) {
  const aligned = explanation[KIND] === "alignment";
  const share = explanation[SHARE];
  const summary = element("summary", "", aligned ? "Token alignment" : `Attention ${percent(share)} `);
  if (!aligned) summary.append(attentionBar(share));
  const box = element("details", "explanation", summary);
  const full = title ? `${title} ${text}` : text;
  box.fill = () => {
    if (box.children.length > 1) return;
    box.append(...(aligned ? alignmentView : attentionView)(explanation, title, full, answers));
  };
  box.addEventListener("toggle", () => box.open && box.fill());
  for (const type of ["pointerover", "focusin"]) {
    box.addEventListener(type, (event) => highlight(box, event.target.closest("[data-piece]")));
  }
  for (const type of ["pointerleave", "focusout"]) box.addEventListener(type, () => highlight(box, null));
  box.addEventListener("click", (event) => {
    const token = event.target.closest(".token");
    if (!token) return;
    token.setAttribute("aria-pressed", String(token.getAttribute("aria-pressed") !== "true"));
    highlight(box, token);
  });
  return box;
}

// Highlight the piece under the pointer or the focus, pressed ones, and the tokens that match them.
function highlight(box, target) {
  const pressed = [...box.querySelectorAll('[aria-pressed="true"]')].map((t) => t.dataset.piece);
  const numbers = new Set(target ? [...pressed, target.dataset.piece] : pressed);
  for (const node of box.querySelectorAll("[data-piece]")) {
    node.classList.toggle("highlight", numbers.has(node.dataset.piece));
  }
}

function openExplanations(boxes, open) {
  for (const box of boxes) {
    if (open) box.fill();
    box.open = open;
  }
}

// A button that opens all explanations of a question.
function explainButton(columns) {
  const button = element("button", "explain");
  button.type = "button";
  const show = (open) => {
    button.textContent = open ? "Hide what the rankers saw" : "Show what the rankers saw";
    button.setAttribute("aria-pressed", String(open));
    openExplanations(columns.querySelectorAll("details.explanation"), open);
  };
  show(state.seen !== "");
  button.addEventListener("click", () => {
    state.seen = state.seen ? "" : "1";
    show(state.seen !== "");
    writeFragment();
  });
  return button;
}

// All explanations of open questions are printed.
let openedForPrint = [];
addEventListener("beforeprint", () => {
  openedForPrint = [...document.querySelectorAll("#list .open details.explanation:not([open])")];
  openExplanations(openedForPrint, true);
});
addEventListener("afterprint", () => openExplanations(openedForPrint, false));
