// Accepted answers in a passage, by DPR's has_answer: tokens in NFD, case ignored.
const TOKEN = /[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]/gu;

function tokenise(text) {
  return [...text.matchAll(TOKEN)].map((m) => ({
    text: m[0].normalize("NFD").toLowerCase(), start: m.index, end: m.index + m[0].length,
  }));
}

// Character ranges [start, end) of every accepted answer in the text.
function answerRanges(text, answers) {
  const tokens = tokenise(text), ranges = [];
  for (const answer of answers) {
    const answerTokens = tokenise(answer).map((token) => token.text);
    if (!answerTokens.length) continue;
    for (let i = 0; i + answerTokens.length <= tokens.length; i++) {
      if (answerTokens.every((token, j) => tokens[i + j].text === token)) {
        ranges.push([tokens[i].start, tokens[i + answerTokens.length - 1].end]);
      }
    }
  }
  return ranges;
}

// Python counts characters, JavaScript UTF-16 units: convert an offset.
function utf16Offset(text, characters) {
  let offset = 0;
  for (const character of text) {
    if (characters-- <= 0) break;
    offset += character.length;
  }
  return offset;
}

// The text with accepted answers marked, and the span of the reader's answer marked differently.
function markedText(text, answers, answerSpan) {
  const kinds = new Uint8Array(text.length);
  for (const [start, end] of answerRanges(text, answers)) kinds.fill(1, start, end);
  if (answerSpan) kinds.fill(2, utf16Offset(text, answerSpan[0]), utf16Offset(text, answerSpan[1]));
  const parts = document.createDocumentFragment();
  for (let i = 0; i < text.length;) {
    let j = i + 1;
    while (j < text.length && kinds[j] === kinds[i]) j++;
    const piece = text.slice(i, j);
    parts.append(kinds[i] ? element("mark", kinds[i] === 2 ? "answer-span" : "", piece) : piece);
    i = j;
  }
  return parts;
}

function element(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}
