// Every page works without this file; it keeps pages current and large charts explorable.
import { drawCharts } from "./charts.js";
import { keepCurrent } from "./live.js";
import { keepTimes } from "./times.js";

keepTimes();
drawCharts(document);
keepCurrent();

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const open = document.activeElement?.closest("details.action[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  } else if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
});
