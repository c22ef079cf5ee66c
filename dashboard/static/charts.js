// The chart of the overview: bars by the hour, six hours or day, one above the other. Without this script the same figures are in a table.
(() => {
  const place = document.getElementById("chart");
  if (!place) return;
  const HEIGHT = 200;
  const REFRESH_EVERY = 30000;
  const KINDS = ["succeeded", "under_way", "ended_badly"];
  const NAMES = { succeeded: "succeeded", under_way: "underWay", ended_badly: "endedBadly" };
  const COLOURS = { succeeded: "--s-success", under_way: "--s-processing", ended_badly: "--s-failed" };

  let chart = null;
  let told = null;

  const colour = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  // The last kind is drawn first and is as high as all together; each that follows covers its part of it.
  function stacked(figures) {
    const sums = figures.hours.map(() => 0);
    const layers = KINDS.map((kind) => figures[kind].map((count, hour) => (sums[hour] += count)));
    return [figures.hours, ...layers.reverse()];
  }

  function draw() {
    const bars = uPlot.paths.bars({ size: [0.7, 40] });
    const series = [...KINDS].reverse().map((kind) => ({
      label: place.dataset[NAMES[kind]],
      fill: colour(COLOURS[kind]),
      stroke: colour(COLOURS[kind]),
      width: 0,
      paths: bars,
      points: { show: false },
      value: (_, __, ___, hour) => (hour === null ? "–" : told[kind][hour]),
    }));
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const isHourly = place.dataset.step === "3600";
    const dated = { month: "2-digit", day: "2-digit", timeZone: "UTC" };
    const clock = { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "UTC" };
    const ticked = new Intl.DateTimeFormat(place.dataset.language, isHourly ? clock : dated);
    const named = new Intl.DateTimeFormat(place.dataset.language, place.dataset.step === "86400" ? dated : { ...dated, ...clock });
    const options = {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      series: [{ label: place.dataset.hour, value: (_, seconds) => (seconds ? named.format(new Date(seconds * 1000)) : "–") }, ...series],
      axes: [{ ...axis, grid: { show: false }, ...(isHourly ? {} : { incrs: [1, 2, 3, 5, 7, 10].map((days) => days * 86400) }), values: (_, ticks) => ticks.map((seconds) => ticked.format(new Date(seconds * 1000))) }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] }],
      scales: { y: { range: (_, __, most) => [0, Math.max(most ?? 0, 4) * 1.08] } },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
    };
    chart?.destroy();
    chart = new uPlot(options, stacked(told), place);
  }

  async function refresh() {
    const answer = await fetch(place.dataset.from);
    if (!answer.ok || !answer.headers.get("Content-Type").startsWith("application/json")) return;
    told = await answer.json();
    if (chart) chart.setData(stacked(told));
    else draw();
  }

  refresh().catch(() => {});
  setInterval(() => document.hidden || refresh().catch(() => {}), REFRESH_EVERY);
  new ResizeObserver(() => chart?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => told && draw());
})();
