// What a ranker saw in a passage: its text with marks, and the question's tokens in their order.
const [PASSAGE, KIND, SHARE, PIECES, MATCHES] = [0, 1, 2, 3, 4];
// [CLS], [MASK] and the like: they count in a score, and nobody reads them.
const FILLER = /^\[.+\]$/;
const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

function explanationOf(p, q, number) {
  return (DATA.explained[p][q] || []).find((one) => one[PASSAGE] === number);
}

function isExplained(q) {
  return DATA.explained.some((of) => of[q]);
}

function triples(flat) {
  return Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3));
}

// Pieces with offsets as JavaScript counts; {start, end, weight, text}.
function piecesIn(full, flat) {
  const places = [0];
  for (const character of full) places.push(places[places.length - 1] + character.length);
  return triples(flat).map(([from, to, weight]) => {
    const [start, end] = [places[from], places[to]];
    return { start, end, weight, text: full.slice(start, end) };
  });
}

// The whole passage; build(piece, number, text) makes the element of a stretch inside a piece.
function piecewise(title, full, answers, pieces, build) {
  const owner = new Int32Array(full.length).fill(-1), accepted = new Uint8Array(full.length);
  pieces.forEach((piece, i) => owner.fill(i, piece.start, piece.end));
  for (const [start, end] of answerRanges(full, answers)) accepted.fill(1, start, end);
  const heading = element("strong"), parts = [];
  for (let i = 0; i < full.length;) {
    let j = i + 1;
    const inside = i < title.length;
    while (j < full.length && owner[j] === owner[i] && accepted[j] === accepted[i]
           && (j < title.length) === inside) j++;
    const text = full.slice(i, j), piece = pieces[owner[i]];
    const made = piece ? build(piece, owner[i], text, i === piece.start) : element("span", "", text);
    if (accepted[i]) made.classList.add("accepted");
    if (inside) heading.append(made);
    else parts.push(made);
    i = j;
  }
  return element("p", "pieces", heading, ...parts);
}

function shaded(text, share) {
  const mark = element("mark", "looked", text);
  mark.style.setProperty("--deep", `${Math.round(100 * Math.min(1, Math.max(0, share)))}%`);
  return mark;
}

function alignmentView(one, title, full, answers) {
  const pieces = piecesIn(full, one[PIECES]), matches = triples(one[MATCHES]);
  const read = matches.filter(([token]) => !FILLER.test(token));
  const text = piecewise(title, full, answers, pieces, (piece, i, words, first) => {
    const by = read.filter((match) => match[1] === i).map(([token]) => token);
    // A whole word keeps its distance where the tokens over it are wider than it is.
    const apart = !/[\p{L}\p{N}]/u.test((full[piece.start - 1] || "") + (full[piece.end] || ""));
    const made = element(by.length ? "ruby" : "span", by.length ? (apart ? "apart" : "") : "filled");
    made.append(by.length ? shaded(words, piece.weight) : words);
    // Over its place a word piece needs no ## to say that it goes on.
    if (by.length && first) made.append(element("rt", "", by.map((t) => t.replace(/^##/, "")).join(" ")));
    made.dataset.piece = i;
    return made;
  });
  const list = element("ol", "tokens", ...read.map(([token, i, score]) => {
    const found = pieces[i].text || "a marker";
    const button = element("button", "token", `${token} → ${found} `, element("b", "", score.toFixed(2)));
    button.type = "button";
    button.dataset.piece = i;
    button.setAttribute("aria-pressed", "false");
    return element("li", "", button);
  }));
  const sum = (some) => some.reduce((total, [, , score]) => total + score, 0).toFixed(2);
  const fillers = matches.filter(([token]) => FILLER.test(token));
  const rest = fillers.length ? `, of it ${sum(fillers)} by ${fillers.length} markers and fillers` : "";
  return [text, list, element("p", "values", `sum of similarities ${sum(matches)}${rest}`)];
}

// Words with their whole weight, the heaviest first. Pieces that touch are one word, unless one of
// them is punctuation.
function wordsOf(pieces) {
  const runs = [];
  for (const piece of pieces) {
    const last = runs[runs.length - 1];
    const goesOn = last && last.end === piece.start;
    if (goesOn && /^[\p{L}\p{N}\p{M}]+$/u.test(last.text + piece.text)) {
      last.text += piece.text;
      last.end = piece.end;
      last.weight += piece.weight;
    } else runs.push({ ...piece });
  }
  const sums = new Map();
  for (const { text, weight } of runs) sums.set(text, (sums.get(text) || 0) + weight);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

function attentionView(one, title, full, answers) {
  const pieces = piecesIn(full, one[PIECES]);
  const most = Math.max(...pieces.filter((p) => p.end > p.start).map((p) => p.weight), 1e-9);
  const text = piecewise(title, full, answers, pieces, (piece, i, words) => {
    const mark = shaded(words, piece.weight / most);
    mark.title = percent(piece.weight);
    return mark;
  });
  const said = wordsOf(pieces.filter((p) => p.end > p.start)).slice(0, 5);
  const named = said.map(([word, weight]) => `${word} ${percent(weight)}`).join(", ");
  const markers = pieces.filter((p) => p.end === p.start).reduce((sum, p) => sum + p.weight, 0);
  const rest = markers ? `; markers ${percent(markers)}` : "";
  return [text, element("p", "values", `most on: ${named}${rest}`)];
}

function attentionBar(share) {
  const filled = element("span");
  filled.style.width = `${100 * share}%`;
  const bar = element("span", "bar", filled);
  bar.setAttribute("aria-hidden", "true");
  return bar;
}

// Under a passage: what the ranker saw in it, built when it is opened.
function showExplanation(one, [, title, text], answers) {
  const aligned = one[KIND] === "alignment";
  const summary = element("summary", "", aligned ? "Token alignment" : `Attention ${percent(one[SHARE])} `);
  if (!aligned) summary.append(attentionBar(one[SHARE]));
  const box = element("details", "seen", summary);
  const full = title ? `${title} ${text}` : text;
  box.fill = () => {
    if (box.children.length > 1) return;
    box.append(...(aligned ? alignmentView : attentionView)(one, title, full, answers));
  };
  box.addEventListener("toggle", () => box.open && box.fill());
  for (const kind of ["pointerover", "focusin"]) {
    box.addEventListener(kind, (event) => light(box, event.target.closest("[data-piece]")));
  }
  for (const kind of ["pointerleave", "focusout"]) box.addEventListener(kind, () => light(box, null));
  box.addEventListener("click", (event) => {
    const token = event.target.closest(".token");
    if (!token) return;
    token.setAttribute("aria-pressed", String(token.getAttribute("aria-pressed") !== "true"));
    light(box, token);
  });
  return box;
}

// The piece under the pointer or the focus stands out, with the tokens that chose it.
function light(box, at) {
  const pressed = [...box.querySelectorAll('[aria-pressed="true"]')].map((t) => t.dataset.piece);
  const lit = new Set(at ? [...pressed, at.dataset.piece] : pressed);
  for (const each of box.querySelectorAll("[data-piece]")) {
    each.classList.toggle("lit", lit.has(each.dataset.piece));
  }
}

function openExplanations(boxes, open) {
  for (const box of boxes) {
    if (open) box.fill();
    box.open = open;
  }
}

// One button opens all explanations of a question; paper has none, and shows them all.
function explainButton(box) {
  const button = element("button", "explain");
  button.type = "button";
  const show = (open) => {
    button.textContent = open ? "Hide what the rankers saw" : "Show what the rankers saw";
    button.setAttribute("aria-pressed", String(open));
    openExplanations(box.querySelectorAll("details.seen"), open);
  };
  show(state.seen !== "");
  button.addEventListener("click", () => {
    state.seen = state.seen ? "" : "1";
    show(state.seen !== "");
    remember();
  });
  return button;
}

let openedForPaper = [];
addEventListener("beforeprint", () => {
  openedForPaper = [...document.querySelectorAll("#list .open details.seen:not([open])")];
  openExplanations(openedForPaper, true);
});
addEventListener("afterprint", () => openExplanations(openedForPaper, false));
