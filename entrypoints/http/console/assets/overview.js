// The plots of the overview. The page renews its texts by itself; from the attribute data-live this
// script takes the step that is still going on, and it asks for whole lines when a step begins.
"use strict";

(() => {
  const HEIGHT = 168;
  const STEPS = {
    count: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6],
    seconds: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400],
  };
  const plots = new Map();
  let drawn = null;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const whole = new Intl.NumberFormat();
  // A bar covers the step that begins where it stands.
  const bars = uPlot.paths.bars({ size: [0.9, 40, 2], align: 1 });

  function written(unit, value) {
    if (value === null || value === undefined) return "–";
    if (unit === "count") return whole.format(value);
    if (value < 1) return `${Math.round(value * 1000)} ms`;
    if (value < 120) return `${Math.round(value * 10) / 10} s`;
    return value < 7200 ? `${Math.round(value / 60)} min` : `${Math.round(value / 3600)} h`;
  }

  function axis(extra) {
    return {
      stroke: colour("--quiet"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: `12px ${colour("--sans")}`,
      ...extra,
    };
  }

  /** Values without a neighbour are part of no line: each is a point. */
  function alone(values) {
    const isGap = (index) => values[index] === null || values[index] === undefined;
    return values.flatMap((_, index) => (!isGap(index) && isGap(index - 1) && isGap(index + 1) ? [index] : []));
  }

  /** The values of each line stand on those of the lines before it. */
  function stacked(lines) {
    const below = [];
    return lines.map((values) => values.map((value, index) => {
      if (value === null) return null;
      below[index] = (below[index] || 0) + value;
      return below[index];
    }));
  }

  /** What is handed to the plot: the highest bars first, for each one is drawn down to zero. */
  function dataOf(plot) {
    return [times(), ...(plot.is_stacked ? stacked(plot.lines).reverse() : plot.lines)];
  }

  /** Say what the plot shows where the pointer is. */
  function tell(chart) {
    const index = chart.cursor.idx, element = chart.root.parentElement;
    const plot = drawn.plots[element.dataset.plot];
    let readout = element.querySelector(".readout");
    if (!readout) {
      readout = Object.assign(document.createElement("div"), { className: "readout" });
      element.append(readout);
    }
    readout.hidden = index === null || index === undefined;
    if (readout.hidden) return;
    const values = plot.labels.map((label, line) => `${label} ${written(plot.unit, plot.lines[line][index])}`);
    readout.textContent = `${clock.format(chart.data[0][index] * 1000)} · ${values.join(" · ")}`;
  }

  function seriesOf(plot) {
    const all = plot.labels.map((label, index) => {
      const colourOfLine = colour(`--series-${index + 1}`);
      if (plot.is_stacked) return { label, fill: colourOfLine, stroke: colour("--surface"), width: 1, paths: bars, points: { show: false } };
      return {
        label,
        stroke: colourOfLine,
        width: 2,
        dash: [[], [6, 3], [2, 3], [9, 3, 2, 3], [14, 5]][index],
        points: { show: true, size: 4, filter: (chart, line) => alone(chart.data[line]) },
      };
    });
    return [{}, ...(plot.is_stacked ? all.reverse() : all)];
  }

  function options(plot, width) {
    return {
      width,
      height: HEIGHT,
      // The last time stands under the right edge, half of it outside.
      padding: [10, 32, 0, 0],
      cursor: { y: false, drag: { x: false, y: false } },
      legend: { show: false },
      hooks: { setCursor: [tell] },
      scales: {
        x: { range: (_, first, last) => [first, last + drawn.step] },
        y: { range: (_, low, high) => [0, plot.unit === "count" ? Math.max(high * 1.1, 4) : high * 1.1 || 1] },
      },
      axes: [
        axis({ values: (_, times) => times.map((time) => clock.format(time * 1000)), space: 64, size: 24 }),
        axis({ size: plot.unit === "count" ? 40 : 58, incrs: STEPS[plot.unit], values: (_, values) => values.map((value) => written(plot.unit, value)) }),
      ],
      series: seriesOf(plot),
    };
  }

  function times() {
    const length = Object.values(drawn.plots)[0].lines[0].length;
    return Array.from({ length }, (_, index) => drawn.start + index * drawn.step);
  }

  /** Draw all plots anew: at first, and when the colours have changed. */
  function draw() {
    if (!drawn) return;
    for (const element of document.querySelectorAll("[data-plot]")) {
      const plot = drawn.plots[element.dataset.plot];
      plots.get(element)?.destroy();
      plots.set(element, new uPlot(options(plot, element.clientWidth), dataOf(plot), element));
      watchWidth.observe(element);
    }
  }

  function renewData() {
    for (const [element, plot] of plots) {
      if (element.isConnected) plot.setData(dataOf(drawn.plots[element.dataset.plot]));
    }
  }

  async function load() {
    const state = document.getElementById("since");
    if (!state) return;
    const response = await fetch(state.dataset.series, { headers: { "HX-Request": "true" } });
    if (!response.ok) return;
    drawn = await response.json();
    if (plots.size) renewData();
    else draw();
  }

  /** Take the last step from the page, which has just been renewed. */
  function follow() {
    const state = document.getElementById("since");
    if (!state || !drawn) return load();
    const live = JSON.parse(state.dataset.live);
    const lines = Object.values(drawn.plots)[0].lines[0];
    const last = drawn.start + (lines.length - 1) * drawn.step;
    if (live.start !== last) return load();
    for (const [name, values] of Object.entries(live.plots)) {
      values.forEach((value, index) => { drawn.plots[name].lines[index][lines.length - 1] = value; });
    }
    renewData();
  }

  const watchWidth = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = plots.get(target);
      if (plot && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: HEIGHT });
    }
  });
  // What cannot be reached now is asked for again with the next renewal of the page.
  const quietly = (work) => () => Promise.resolve().then(work).catch(() => {});

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.addEventListener("htmx:after:swap", quietly(follow));
  quietly(load)();
})();
