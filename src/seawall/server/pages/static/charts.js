// Makes a large chart explorable: when the pointer comes over the server's own drawing, Vega draws
// the same over it and tells each point. The specification stands beside each drawing as JSON. Expressions are interpreted (`ast`), never compiled,
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

function styles() {
  const colour = colours();
  const all = {
    tolerated: { color: colour("tolerated") },
    bound: { color: colour("strong-line") },
    provisional: { color: colour("strong-line"), opacity: 0.22 },
    estimated: { color: colour("soft"), strokeDash: [5, 4], strokeWidth: 1.5 },
    value: { color: colour("ink"), strokeWidth: 1.8 },
    mark: { color: colour("soft"), strokeDash: [2, 2] },
    "mark-text": { color: colour("soft"), fontWeight: "bold" },
  };
  for (const shape of ["good", "warning", "bad", "undecided", "none"]) {
    const band = shape === "undecided" || shape === "none" ? "band" : `${shape}-band`;
    all[`band-${shape}`] = { color: colour(band), opacity: 0.85 };
    all[`dot-${shape}`] = { fill: colour(shape), stroke: colour("panel"), strokeWidth: 1.5, size: 80 };
  }
  return all;
}

function styled(spec) {
  const all = styles();
  for (const layer of spec.layer) {
    const { style, ...mark } = layer.mark;
    layer.mark = { ...mark, ...all[style] };
  }
  return spec;
}

function config() {
  const colour = colours();
  const font = getComputedStyle(document.body).fontFamily;
  const text = { labelColor: colour("soft"), titleColor: colour("soft"), labelFont: font, titleFont: font, labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal" };
  return {
    background: null, font,
    view: { stroke: null },
    axis: { ...text, domain: false, ticks: false, grid: false },
    axisY: { grid: true, gridColor: colour("line"), minExtent: 52, maxExtent: 52 },
  };
}

async function draw(box) {
  const spec = styled(JSON.parse(box.querySelector("script").textContent));
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

export function drawCharts(root) {
  for (const box of root.querySelectorAll("[data-chart]:not([data-waits])")) {
    box.dataset.waits = "";
    box.addEventListener("pointerenter", () => draw(box), { once: true });
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const box of document.querySelectorAll("[data-drawn]")) {
    box.finish();
    delete box.dataset.drawn;
    draw(box);
  }
});
