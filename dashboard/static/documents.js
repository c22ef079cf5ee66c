// A document may be dropped anywhere on its field; what will become of it is said before it is sent.
(() => {
  const drop = document.getElementById("drop");
  if (!drop) return;
  const input = drop.querySelector("input[type=file]");
  const said = drop.querySelector(".said");

  function tell() {
    const name = input.files[0]?.name;
    const what = name?.toLowerCase().endsWith(".xlsx") ? said.dataset.table : said.dataset.job;
    said.textContent = name ? `${name}: ${what}` : "";
  }

  input.addEventListener("change", tell);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    tell();
  });
  tell();
})();
