"use strict";
// Draws the pictures of a page, in light or dark, as wide as there is room, and lets its controls move them.
const sets = JSON.parse(document.getElementById("store").textContent);
const pictures = JSON.parse(document.getElementById("pictures").textContent);
const views = {};
const NIGHT = {
  "#0072b2": "#5aaeea", "#d55e00": "#f58a3c", "#009e73": "#35c99b", "#cc79a7": "#e39ac2", "#e69f00": "#f0b43a",
  "#56b4e9": "#8fd0f5", "#666666": "#a8a8a8", "#00395a": "#2f7fb5", "#7a3600": "#c46a2b", "#004f3a": "#1f8f6e",
  "#7c3b62": "#b06a93", "#7a5400": "#b8862b", "#1f6a94": "#4f9fcc", "#222222": "#e6e6e6", "#333333": "#d4d7dc",
  "#444444": "#b9bec7", "#555555": "#b9bec7", "#999999": "#8a8f98",
};

function rows(name) {
  const { rows: count, columns } = sets[name];
  const read = Object.entries(columns).map(([key, c]) => [key, Array.isArray(c) ? c : c.at.map((i) => c.words[i])]);
  return Array.from({ length: count }, (_, i) => {
    const row = {};
    for (const [key, column] of read) if (column[i] !== null) row[key] = column[i];
    return row;
  });
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function config(dark, room) {
  const ink = dark ? "#e9ebef" : "#1b1e24", muted = dark ? "#b4bac5" : "#4d535d", line = dark ? "#343944" : "#e3e6ea";
  const font = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
  const small = room < 480;
  return {
    background: null,
    font,
    padding: 2,
    axis: { labelColor: muted, titleColor: ink, labelFontSize: small ? 11 : 12, titleFontSize: small ? 11 : 13, titleFontWeight: "normal",
      titlePadding: 6, gridColor: line, domainColor: muted, tickColor: muted, labelOverlap: true, titleLimit: small ? 260 : 420 },
    axisY: { titleLimit: small ? 150 : 320 },
    legend: { orient: "bottom", direction: "horizontal", columns: Math.max(1, Math.floor(room / 300)), labelColor: ink, titleColor: muted,
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", labelLimit: Math.min(235, room - 90), titleLimit: room - 40,
      symbolLimit: 40, symbolBaseFillColor: muted, symbolBaseStrokeColor: muted, symbolStrokeWidth: 2.5, rowPadding: 3, gradientLength: Math.min(280, room - 80), titleOrient: "top", offset: 10 },
    title: { color: ink, fontSize: 13, anchor: "start", fontWeight: 600 },
    text: { color: ink },
    view: { stroke: line },
    concat: { spacing: 16 },
  };
}

// Colours of marks for a dark ground; names that come from data stay what they are.
function recoloured(part) {
  if (Array.isArray(part)) return part.map(recoloured);
  if (part && typeof part === "object") {
    return Object.fromEntries(Object.entries(part).map(([key, value]) => {
      if (["data", "datasets", "domain", "values", "title", "field", "sort"].includes(key)) return [key, value];
      if (key === "scheme" && value && value.name === "viridis") return [key, { ...value, extent: [0.25, 1] }];
      if (key === "range" && Array.isArray(value) && value.includes("#F4F4F4")) return [key, value]; // cells with figures on them
      return [key, recoloured(value)];
    }));
  }
  return typeof part === "string" ? NIGHT[part.toLowerCase()] || part : part;
}

// Width of all panels that stand in one row, without axes.
function across(spec) {
  if (spec.vconcat) return Math.max(...spec.vconcat.map(across));
  if (spec.hconcat) return spec.hconcat.reduce((sum, one) => sum + across(one), 0);
  if (spec.concat) {
    const columns = spec.columns || spec.concat.length;
    const widths = spec.concat.map(across);
    return Math.max(...widths.map((_, i) => (i % columns ? 0 : widths.slice(i, i + columns).reduce((a, b) => a + b, 0))));
  }
  return typeof spec.width === "number" ? spec.width : 300;
}

function widened(spec, factor) {
  const out = { ...spec };
  if (typeof out.width === "number") out.width = Math.max(120, Math.round(out.width * factor));
  for (const key of ["vconcat", "hconcat", "concat"]) if (out[key]) out[key] = out[key].map((one) => widened(one, factor));
  return out;
}

// One column where there is no room for two.
function stacked(spec) {
  const out = { ...spec };
  if (out.hconcat) { out.vconcat = out.hconcat.map(stacked); delete out.hconcat; }
  else if (out.vconcat) out.vconcat = out.vconcat.map(stacked);
  if (out.concat) { out.columns = 1; out.concat = out.concat.map(stacked); }
  return out;
}

const chrome = {};

async function draw(picture) {
  const figure = document.getElementById(picture.id);
  const place = figure.querySelector(".chart");
  const room = Math.max(240, Math.floor(place.getBoundingClientRect().width));
  const dark = isDark();
  let spec = JSON.parse(JSON.stringify(picture.spec));
  if (room < 560) spec = stacked(spec);
  if (dark) spec = recoloured(spec);
  const used = new Set(), find = (part) => {
    if (Array.isArray(part)) part.forEach(find);
    else if (part && typeof part === "object") {
      if (part.data && part.data.name) used.add(part.data.name);
      Object.values(part).forEach(find);
    }
  };
  find(spec);
  let marks = 0;
  spec.datasets = Object.fromEntries([...used].map((name) => {
    marks += sets[name].rows;
    return [name, rows(name)];
  }));
  const natural = across(spec), key = `${picture.id} ${room}`;
  const settings = {
    mode: "vega-lite", ast: true, renderer: marks > 3000 ? "canvas" : "svg", config: config(dark, room),
    actions: { export: true, source: false, compiled: false, editor: false },
    logLevel: 1, // errors only: charts of several panels hide the legend in all but one, which Vega-Lite warns of
    downloadFileName: picture.id, tooltip: { theme: "custom" },
  };
  for (let attempt = 0; attempt < 3; attempt++) {
    const factor = (room - (chrome[key] ?? 72)) / natural;
    if (views[picture.id]) views[picture.id].finalize();
    const result = await vegaEmbed(place, widened(spec, factor), settings);
    views[picture.id] = result.view;
    const drawn = result.view.container().querySelector("svg, canvas");
    const width = drawn.tagName === "CANVAS" ? drawn.width / devicePixelRatio : parseFloat(drawn.getAttribute("width"));
    if (width <= room + 1 && width >= room - 30) break;
    chrome[key] = width - factor * natural + 2;
  }
  await restore(picture, figure);
}

const label = (value) => {
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  for (const [power, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= power && size < 1e15) return `${+(value / power).toPrecision(3)}${letter}`;
  }
  return size >= 1e15 || (size < 1e-2 && size > 0) ? value.toExponential(2).replace("+", "") : `${+value.toPrecision(3)}`;
};

function answered(picture, figure) {
  let at = 0;
  const far = [], said = [];
  for (const c of picture.controls) {
    const input = figure.querySelector(`[data-signal="${c.signal}"]`);
    const value = c.values[+input.value];
    at = at * c.values.length + +input.value;
    const text = label(value), output = input.parentElement.querySelector("output");
    if (output) output.textContent = text;
    if (input.type === "range") input.setAttribute("aria-valuetext", text);
    said.push(`${c.name} ${text}`);
    if (c.largest && value > 1.01 * c.largest) far.push(`${c.name} is ${+(value / c.largest).toPrecision(2)} times the largest fitted`);
  }
  const answers = picture.answers, fit = (v) => (Math.abs(v) < 100 ? v.toFixed(4) : label(v));
  const names = Object.keys(answers).filter((name) => name !== "low" && name !== "high");
  const told = names.map((name) => {
    const value = answers[name][at];
    if (value === null || value === undefined) return `${name} has no value there`;
    const ends = answers.low ? ` (${fit(answers.low[at])} to ${fit(answers.high[at])})` : "";
    return `${name} ${fit(value)}${ends}`;
  });
  const line = figure.querySelector(".answer");
  line.textContent = `${said.join(", ")}: ${told.join(", ")}${far.length ? `. Extrapolates: ${far.join(", ")}.` : "."}`;
}

async function restore(picture, figure) {
  const view = views[picture.id];
  for (const input of figure.querySelectorAll("[data-signal]")) view.signal(input.dataset.signal, +input.value);
  const chosen = figure.querySelector("[data-chosen]");
  if (chosen && chosen.value) view.signal("chosen", chosen.value);
  await view.runAsync();
}

function wire(picture) {
  const figure = document.getElementById(picture.id);
  if (picture.controls.length) answered(picture, figure);
  for (const input of figure.querySelectorAll("[data-signal]")) {
    input.addEventListener("input", () => {
      answered(picture, figure);
      if (views[picture.id]) views[picture.id].signal(input.dataset.signal, +input.value).runAsync();
    });
  }
  const chosen = figure.querySelector("[data-chosen]");
  if (chosen) chosen.addEventListener("change", () => views[picture.id].signal("chosen", chosen.value || null).runAsync());
  for (const button of figure.querySelectorAll("[data-zoom], [data-move]")) {
    button.addEventListener("click", () => {
      const view = views[picture.id], last = picture.domain;
      const [low, high] = view.signal("zoom_step") || last;
      let next = null;
      if (button.dataset.move) {
        const by = (high - low) * +button.dataset.move;
        next = [low + by, high + by];
      } else if (+button.dataset.zoom) {
        const middle = (low + high) / 2, half = ((high - low) / 2) * +button.dataset.zoom;
        next = [middle - half, middle + half];
      }
      view.signal("zoom_step", next).runAsync();
    });
  }
}

let drawing = Promise.resolve();

function drawAll() {
  document.documentElement.dataset.drawn = isDark() ? "dark" : "light";
  drawing = drawing.then(async () => {
    for (const picture of pictures) {
      try {
        await draw(picture);
      } catch (error) {
        console.error(picture.id, error);
        document.getElementById(picture.id).querySelector(".chart").textContent = `This picture cannot be drawn here (${error.message}).`;
      }
      await new Promise((done) => setTimeout(done)); // the page answers between two pictures
    }
  });
  return drawing;
}

const theme = document.getElementById("theme");
theme.addEventListener("change", () => {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
  drawAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
document.getElementById("print").addEventListener("click", () => print());
let width = innerWidth, later;
addEventListener("resize", () => {
  clearTimeout(later);
  later = setTimeout(() => { if (innerWidth !== width) { width = innerWidth; drawAll(); } }, 200);
});
pictures.forEach(wire);
window.report = { views, drawn: () => drawing };
drawAll();
