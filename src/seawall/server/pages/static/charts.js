// Draws the large charts with Vega over the server's own drawings, once they come into view. The
// specification stands beside each as JSON. Expressions are interpreted (`ast`), never compiled,
// since the page's security policy allows no eval; colours come from the style sheet.

let library;

function load() {
  library ??= import(document.body.dataset.library).then(() => window.vegaEmbed);
  return library;
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

function config() {
  const colour = colours();
  const font = getComputedStyle(document.body).fontFamily;
  const states = { good: "good", warning: "warning", bad: "bad", undecided: "undecided", none: "none" };
  const bands = { good: "good-band", warning: "warning-band", bad: "bad-band", undecided: "band", none: "band" };
  const style = {
    tolerated: { fill: colour("tolerated") },
    bound: { stroke: colour("strong-line") },
    provisional: { fill: colour("strong-line"), fillOpacity: 0.22 },
    estimated: { stroke: colour("soft"), strokeDash: [5, 4], strokeWidth: 1.5 },
    value: { stroke: colour("ink"), strokeWidth: 1.8 },
    mark: { stroke: colour("soft"), strokeDash: [2, 2] },
    "mark-text": { fill: colour("soft"), fontWeight: "bold" },
  };
  for (const shape of Object.keys(states)) {
    style[`band-${shape}`] = { fill: colour(bands[shape]), fillOpacity: 0.85, line: false };
    style[`dot-${shape}`] = { fill: colour(states[shape]), stroke: colour("panel"), size: 70, filled: true };
  }
  const text = { labelColor: colour("soft"), titleColor: colour("soft"), labelFont: font, titleFont: font, labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal" };
  return {
    background: null, font, style,
    view: { stroke: null },
    axis: { ...text, domain: false, ticks: false, grid: false },
    axisY: { grid: true, gridColor: colour("line"), minExtent: 52, maxExtent: 52 },
  };
}

async function draw(box) {
  const spec = JSON.parse(box.querySelector("script").textContent);
  let embed;
  try {
    embed = await load();
  } catch {
    return; // the drawing of the server stays
  }
  const stage = document.createElement("div");
  stage.className = "stage";
  const first = box.querySelector(".drawn");
  first.after(stage);
  try {
    const view = await embed(stage, spec, {
      ast: true, actions: false, renderer: "canvas", defaultStyle: false, config: config(),
      tooltip: { disableDefaultStyle: true },
    });
    first.hidden = true;
    box.finish = () => {
      view.finalize();
      stage.remove();
      first.hidden = false;
    };
    box.dataset.drawn = "";
  } catch (error) {
    stage.remove();
    console.error("chart not drawn", error);
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "200px" });

export function drawCharts(root) {
  for (const box of root.querySelectorAll("[data-chart]:not([data-drawn])")) seen.observe(box);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const box of document.querySelectorAll("[data-drawn]")) {
    box.finish();
    delete box.dataset.drawn;
    draw(box);
  }
});
