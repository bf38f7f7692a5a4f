// The question browser: filters, order and page are in the URL fragment, so that a view is a link.
const PAGE = 50;
const FIELDS = {
  text: "f-text", pipeline: "f-pipeline", outcome: "f-outcome",
  right: "f-right", wrong: "f-wrong", order: "f-order", explained: "f-explained",
};
const state = {
  text: "", pipeline: "", outcome: "", right: "", wrong: "", order: "", explained: "",
  page: 0, q: "", seen: "",
};
const field = (name) => document.getElementById(FIELDS[name]);

function fillSelects() {
  for (const name of ["pipeline", "right", "wrong"]) {
    field(name).append(...DATA.pipelines.map((p) => new Option(p, p)));
  }
  field("outcome").append(...DATA.outcomes.map((o) => new Option(o, o)));
}

// Lower-case text of a question in which the text filter searches.
const HAYSTACKS = [];
function haystack(q) {
  if (HAYSTACKS[q] === undefined) {
    const [id, text, answers] = DATA.questions[q];
    const readerAnswers = DATA.rows.map((rows) => rows[q][ANSWER]);
    HAYSTACKS[q] = [id, text, ...answers, ...readerAnswers].join("\n").toLowerCase();
  }
  return HAYSTACKS[q];
}

function passesFilters(q) {
  const rowsOf = (name) => DATA.rows[DATA.pipelines.indexOf(name)];
  if (state.text && !haystack(q).includes(state.text.toLowerCase())) return false;
  if (state.right && !rowsOf(state.right)?.[q][RIGHT]) return false;
  if (state.wrong && rowsOf(state.wrong)?.[q][RIGHT] !== 0) return false;
  if (state.explained && !isExplained(q)) return false;
  if (!state.outcome) return true;
  const candidates = state.pipeline ? [rowsOf(state.pipeline) || []] : DATA.rows;
  return candidates.some((rows) => rows[q] && outcomeName(rows[q]) === state.outcome);
}

function disagreement(q) {
  const right = DATA.rows.filter((rows) => rows[q][RIGHT]).length;
  return Math.min(right, DATA.rows.length - right);
}

function filteredQuestions() {
  const numbers = DATA.questions.map((_, q) => q).filter(passesFilters);
  if (state.order === "text") {
    numbers.sort((a, b) => DATA.questions[a][1].localeCompare(DATA.questions[b][1]));
  } else if (state.order === "disagreement") {
    numbers.sort((a, b) => disagreement(b) - disagreement(a) || a - b);
  }
  return numbers;
}

function listItem(q) {
  const [id, text] = DATA.questions[q];
  const outcomes = element("span", "outcomes");
  DATA.pipelines.forEach((name, p) => outcomes.append(outcomeChip(name, DATA.rows[p][q])));
  const button = element("button", "", element("span", "question", text), outcomes);
  button.type = "button";
  const item = element("li", "", button);
  const show = (open) => {
    button.setAttribute("aria-expanded", String(open));
    item.classList.toggle("open", open);
    if (open && item.children.length === 1) item.append(showQuestion(q));
    if (item.children[1]) item.children[1].hidden = !open;
  };
  show(id === state.q);
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    show(open);
    state.q = open ? id : "";
    writeFragment();
  });
  return item;
}

function render() {
  const numbers = filteredQuestions();
  const open = DATA.questions.findIndex((question) => question[0] === state.q);
  if (numbers.includes(open)) state.page = Math.floor(numbers.indexOf(open) / PAGE);
  const pages = Math.max(1, Math.ceil(numbers.length / PAGE));
  state.page = Math.min(Math.max(0, state.page), pages - 1);
  const onPage = numbers.slice(state.page * PAGE, (state.page + 1) * PAGE);
  document.getElementById("list").replaceChildren(...onPage.map(listItem));
  const total = numbers.length === DATA.questions.length ? "" : ` of ${DATA.questions.length}`;
  document.getElementById("count").textContent = `${numbers.length}${total} questions`;
  document.getElementById("page").textContent = `page ${state.page + 1} of ${pages}`;
  document.getElementById("previous").disabled = state.page === 0;
  document.getElementById("next").disabled = state.page === pages - 1;
}

function writeFragment() {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) if (value) params.set(key, value);
  // Some browsers refuse this on a page opened from a file; the view works without it.
  try { history.replaceState(null, "", `#${params}`); } catch { /* only the link is missing */ }
}

// #q=ID&text=…&right=A&wrong=B… opens that view; other fragments are ids of elements.
function readFragment() {
  const params = new URLSearchParams(location.hash.slice(1));
  if (params.has("sort")) sortFromLink(params.get("sort"));
  if (![...params.keys()].some((key) => key in state)) return false;
  for (const key of Object.keys(state)) state[key] = params.get(key) || "";
  state.page = Number(state.page) || 0;
  for (const name of Object.keys(FIELDS)) field(name).value = state[name];
  render();
  const open = document.querySelector("#list .open");
  (open || document.getElementById("questions-section")).scrollIntoView();
  return true;
}

fillSelects();
document.getElementById("filters").addEventListener("input", () => {
  for (const name of Object.keys(FIELDS)) state[name] = field(name).value;
  state.page = 0;
  state.q = "";
  render();
  writeFragment();
});
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("filters").addEventListener("reset", (event) => {
  setTimeout(() => event.target.dispatchEvent(new Event("input")));
});
for (const [id, step] of [["previous", -1], ["next", 1]]) {
  document.getElementById(id).addEventListener("click", () => {
    state.page += step;
    state.q = "";
    render();
    writeFragment();
    document.getElementById("count").scrollIntoView();
  });
}
addEventListener("hashchange", readFragment);
if (!readFragment()) render();
document.documentElement.dataset.ready = "yes";
