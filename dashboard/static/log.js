// A log that is read at its end stays at its end when lines are added; one that somebody has scrolled up stays there.
(() => {
  const NEAR = 40;
  let follows = true;

  const log = () => document.getElementById("log");
  const down = () => log() && follows && (log().scrollTop = log().scrollHeight);

  document.addEventListener("scroll", (event) => {
    const { target } = event;
    if (target === log()) follows = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR;
  }, true);
  document.addEventListener("htmx:after:swap", down);
  down();
})();
