// Accepted answers in a passage, found as DPR's has_answer does: words without case, NFD.
const WORD = /[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]/gu;

function tokens(text) {
  return [...text.matchAll(WORD)].map((m) => ({
    word: m[0].normalize("NFD").toLowerCase(), start: m.index, end: m.index + m[0].length,
  }));
}

// Character ranges [start, end) of every accepted answer in the text.
function answerRanges(text, answers) {
  const words = tokens(text), found = [];
  for (const answer of answers) {
    const wanted = tokens(answer).map((t) => t.word);
    if (!wanted.length) continue;
    for (let i = 0; i + wanted.length <= words.length; i++) {
      if (wanted.every((word, j) => words[i + j].word === word)) {
        found.push([words[i].start, words[i + wanted.length - 1].end]);
      }
    }
  }
  return found;
}

// Python counts characters, JavaScript UTF-16 units: move an offset from one to the other.
function utf16Offset(text, characters) {
  let at = 0;
  for (const character of text) {
    if (characters-- <= 0) break;
    at += character.length;
  }
  return at;
}

// The text with accepted answers marked, and the reader's own span marked differently.
function markedText(text, answers, said) {
  const kinds = new Uint8Array(text.length);
  for (const [start, end] of answerRanges(text, answers)) kinds.fill(1, start, end);
  if (said) kinds.fill(2, utf16Offset(text, said[0]), utf16Offset(text, said[1]));
  const parts = document.createDocumentFragment();
  for (let i = 0; i < text.length;) {
    let j = i + 1;
    while (j < text.length && kinds[j] === kinds[i]) j++;
    const piece = text.slice(i, j);
    parts.append(kinds[i] ? element("mark", kinds[i] === 2 ? "said" : "", piece) : piece);
    i = j;
  }
  return parts;
}

function element(tag, kind, ...children) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.append(...children);
  return made;
}
