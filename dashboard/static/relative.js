// Says beside each time how far away it is, in the language of the page: "in 12 seconds", "3 minutes ago".
(() => {
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

  function distance(seconds) {
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
    return words.format(Math.trunc(seconds / length), unit);
  }

  function say() {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      const said = distance(Math.round((Date.parse(time.dateTime) - Date.now()) / 1000));
      if (time.dataset.said !== said) time.dataset.said = said;
    }
  }

  say();
  setInterval(say, 1000);
  document.addEventListener("htmx:after:swap", say);
})();
