// One question through all pipelines, side by side; built when it is opened.
const DATA = JSON.parse(document.getElementById("data").textContent);
const [OUTCOME, ANSWER, ANSWER_PASSAGE, START, END, VALUES, RIGHT, HITS, GOLD, LOST, INNER] =
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

// How many passages are visible at once; the others are in a closed details element.
const FIRST = 5;

function outcomeName(row) {
  return row[OUTCOME] < 0 ? "" : DATA.outcomes[row[OUTCOME]];
}

function outcomeChip(pipeline, row) {
  const outcome = outcomeName(row);
  const label = outcome || (row[RIGHT] ? "right" : "not right");
  const lost = row[LOST] ? ` (${row[LOST]})` : "";
  return element("span", `outcome ${outcome.replace(" ", "-")}`, `${pipeline}: ${label}${lost}`);
}

function showQuestion(q) {
  const [id, , answers] = DATA.questions[q];
  const view = element("div", "question-view");
  const accepted = answers.length ? answers.join(" | ") : "none given";
  view.append(element("p", "", element("small", "", `${id} · accepted: `), accepted));
  const columns = element("div", "columns");
  DATA.pipelines.forEach((name, p) => columns.append(showPipeline(name, p, q)));
  if (isExplained(q)) view.append(explainButton(columns));
  view.append(columns);
  return view;
}

function showPipeline(name, p, q) {
  const row = DATA.rows[p][q];
  const column = element("section", "column", element("h3", "", name));
  if (DATA.read[p]) {
    const answer = row[ANSWER] || "no answer";
    column.append(element("p", "", element("strong", "", answer), " ", outcomeChip("outcome", row)));
  }
  const values = DATA.metrics.map((m, n) => [m, row[VALUES][n]]).filter((v) => v[1] !== null);
  column.append(element("p", "values", values.map(([m, v]) => `${m} ${v}`).join(" · ")));
  for (let i = 0; i < row[GOLD].length; i += 3) {
    column.append(goldLine(row[GOLD].slice(i, i + 3), DATA.ranked[p]));
  }
  const hits = [];
  for (let i = 0; i < row[HITS].length; i += 3) {
    hits.push(showHit(row, row[HITS].slice(i, i + 3), i / 3 + 1, p, q));
  }
  column.append(element("ol", "hits", ...hits.slice(0, FIRST)));
  if (hits.length > FIRST) {
    const more = element("summary", "", `${hits.length - FIRST} more passages`);
    column.append(element("details", "", more, element("ol", "hits", ...hits.slice(FIRST))));
  }
  return column;
}

function goldLine([passage, before, after], ranked) {
  const rankText = (rank) => (rank ? `rank ${rank}` : "not there");
  const ranks = ranked ? `retrieved: ${rankText(before)}, ranked: ${rankText(after)}` : rankText(after);
  const title = DATA.passages[passage][1] || DATA.passages[passage][0];
  return element("p", "values", `relevant “${title}”: ${ranks}`);
}

function showHit(row, [number, before, score], rank, p, q) {
  const [id, title, text] = DATA.passages[number];
  const [, , answers, gold] = DATA.questions[q];
  const head = element("div", "rank", element("b", "", String(rank)));
  if (DATA.ranked[p]) head.append(before ? ` (was ${before})` : " (was not retrieved)");
  const inner = DATA.inner[p].map((stage, n) => [stage, row[INNER][(rank - 1) * DATA.inner[p].length + n]]);
  if (inner.length) head.append(` · ${inner.map(([stage, innerRank]) => `${stage} ${innerRank || "–"}`).join(", ")}`);
  head.append(` · score ${score} · ${id} `);
  if (gold.includes(number)) head.append(element("span", "tag", "relevant"), " ");
  if (answerRanges(text, answers).length) head.append(element("span", "tag", "holds an answer"));
  const answerSpan = row[ANSWER_PASSAGE] === number ? [row[START], row[END]] : null;
  const body = element("div", "plain", markedText(text, answers, answerSpan));
  if (title) body.prepend(element("strong", "", title), " ");
  const item = element("li", "", head, body);
  const explanation = explanationOf(p, q, number);
  if (explanation) item.append(showExplanation(explanation, DATA.passages[number], answers));
  return item;
}
