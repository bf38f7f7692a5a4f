// Tables sort by the data-sort of their cells; empty cells come last in both directions.
function compareCells(a, b, direction) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  const x = Number(a), y = Number(b);
  const numbers = !Number.isNaN(x) && !Number.isNaN(y);
  return direction * (numbers ? x - y : a.localeCompare(b));
}

function sortTable(table, column, direction) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, n) => {
    if (n === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  });
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row.cells[column].dataset.sort, row]);
  rows.sort((a, b) => compareCells(a[0], b[0], direction));
  body.append(...rows.map((pair) => pair[1]));
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.firstElementChild.addEventListener("click", () => {
      // Numbers sort from the highest first, texts from A.
      const direction = head.classList.contains("number") ? -1 : 1;
      const current = head.getAttribute("aria-sort");
      const flip = current === (direction > 0 ? "ascending" : "descending");
      sortTable(table, column, flip ? -direction : direction);
    });
  });
}

// #sort=TABLE:COLUMN:asc sorts a table from a link.
function sortFromLink(param) {
  const [id, label, order] = param.split(":");
  const table = document.getElementById(id);
  if (!table || !table.tHead) return;
  const labels = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
  if (labels.includes(label)) sortTable(table, labels.indexOf(label), order === "asc" ? 1 : -1);
}
