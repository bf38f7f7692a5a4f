// The question browser: filters, order and pages live in the address, so that a view is a link.
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

const HAYSTACKS = [];
function haystack(q) {
  if (HAYSTACKS[q] === undefined) {
    const [id, text, answers] = DATA.questions[q];
    const said = DATA.rows.map((rows) => rows[q][ANSWER]);
    HAYSTACKS[q] = [id, text, ...answers, ...said].join("\n").toLowerCase();
  }
  return HAYSTACKS[q];
}

function matches(q) {
  const at = (name) => DATA.pipelines.indexOf(name);
  if (state.text && !haystack(q).includes(state.text.toLowerCase())) return false;
  if (state.right && !DATA.rows[at(state.right)]?.[q][RIGHT]) return false;
  if (state.wrong && DATA.rows[at(state.wrong)]?.[q][RIGHT] !== 0) return false;
  if (state.explained && !isExplained(q)) return false;
  if (!state.outcome) return true;
  const looked = state.pipeline ? [DATA.rows[at(state.pipeline)] || []] : DATA.rows;
  return looked.some((rows) => rows[q] && fateName(rows[q]) === state.outcome);
}

function disagreement(q) {
  const right = DATA.rows.filter((rows) => rows[q][RIGHT]).length;
  return Math.min(right, DATA.rows.length - right);
}

function chosen() {
  const found = DATA.questions.map((_, q) => q).filter(matches);
  if (state.order === "text") {
    found.sort((a, b) => DATA.questions[a][1].localeCompare(DATA.questions[b][1]));
  } else if (state.order === "disagreement") {
    found.sort((a, b) => disagreement(b) - disagreement(a) || a - b);
  }
  return found;
}

function listItem(q) {
  const [id, text] = DATA.questions[q];
  const fates = element("span", "fates");
  DATA.pipelines.forEach((name, p) => fates.append(fateChip(name, DATA.rows[p][q])));
  const button = element("button", "", element("span", "asked", text), fates);
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
    remember();
  });
  return item;
}

function render() {
  const found = chosen();
  const asked = DATA.questions.findIndex((question) => question[0] === state.q);
  if (found.includes(asked)) state.page = Math.floor(found.indexOf(asked) / PAGE);
  const pages = Math.max(1, Math.ceil(found.length / PAGE));
  state.page = Math.min(Math.max(0, state.page), pages - 1);
  const part = found.slice(state.page * PAGE, (state.page + 1) * PAGE);
  document.getElementById("list").replaceChildren(...part.map(listItem));
  const shown = found.length === DATA.questions.length ? "" : ` of ${DATA.questions.length}`;
  document.getElementById("count").textContent = `${found.length}${shown} questions`;
  document.getElementById("page").textContent = `page ${state.page + 1} of ${pages}`;
  document.getElementById("previous").disabled = state.page === 0;
  document.getElementById("next").disabled = state.page === pages - 1;
}

function remember() {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) if (value) words.set(key, value);
  // A page opened from a file may refuse this in some browsers; the view works without.
  try { history.replaceState(null, "", `#${words}`); } catch { /* nothing is lost */ }
}

// #q=ID&text=…&right=A&wrong=B… opens that view; other fragments are places on the page.
function fromLink() {
  const words = new URLSearchParams(location.hash.slice(1));
  if (words.has("sort")) sortFromLink(words.get("sort"));
  if (![...words.keys()].some((key) => key in state)) return false;
  for (const key of Object.keys(state)) state[key] = words.get(key) || "";
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
  remember();
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
    remember();
    document.getElementById("count").scrollIntoView();
  });
}
addEventListener("hashchange", fromLink);
if (!fromLink()) render();
document.documentElement.dataset.ready = "yes";
