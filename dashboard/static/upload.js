// Fields that name a file take one by drag and drop, or from the file dialog: it is uploaded at once, and the field gets
// its code. A model's fields are shown as soon as the model is chosen.
(() => {
  async function upload(drop, file) {
    const said = drop.querySelector(".said");
    const field = document.getElementById(drop.dataset.upload);
    const form = new FormData();
    form.append("file", file);
    const user = document.getElementById("user_id")?.value.trim();
    if (user) form.append("user_id", user);
    said.textContent = drop.dataset.uploading;
    const answer = await fetch("/api/files", { method: "POST", body: form });
    const told = await answer.json();
    if (!answer.ok) {
      said.textContent = told.errors?.[0]?.message ?? told.detail;
      return;
    }
    field.value = told.code;
    said.textContent = `${drop.dataset.uploaded}: ${told.name}${told.width ? ` · ${told.width} × ${told.height}` : ""}`;
  }

  function prepare(drop) {
    const input = drop.querySelector("input[type=file]");
    const take = (files) => files.length && upload(drop, files[0]).catch((failure) => {
      drop.querySelector(".said").textContent = failure.message;
    });
    drop.hidden = false;
    input.addEventListener("change", () => take(input.files));
    drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      take(event.dataTransfer.files);
    });
  }

  document.querySelectorAll("[data-upload]").forEach(prepare);
  const choose = document.getElementById("choose");
  choose?.addEventListener("change", () => choose.requestSubmit());
})();
