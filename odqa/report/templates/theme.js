// Light, dark, or the system's theme; stored where the browser allows it.
const THEMES = ["", "light", "dark"];
const LABELS = { "": "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

function storedTheme() {
  try { return localStorage.getItem("odqa-theme") || ""; } catch { return ""; }
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  document.getElementById("theme").textContent = LABELS[theme];
}

let theme = THEMES.includes(storedTheme()) ? storedTheme() : "";
setTheme(theme);
document.getElementById("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  setTheme(theme);
  try { localStorage.setItem("odqa-theme", theme); } catch { /* private windows store nothing */ }
});
