// Light, dark, or as the system says; remembered where the browser allows it.
const THEMES = ["", "light", "dark"];
const SAID = { "": "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

function remembered() {
  try { return localStorage.getItem("odqa-theme") || ""; } catch { return ""; }
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  document.getElementById("theme").textContent = SAID[theme];
}

let theme = THEMES.includes(remembered()) ? remembered() : "";
setTheme(theme);
document.getElementById("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  setTheme(theme);
  try { localStorage.setItem("odqa-theme", theme); } catch { /* private windows keep nothing */ }
});
