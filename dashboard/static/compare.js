// A photo before and after, one over the other: a slider says how much of each is seen. It works with the keyboard as
// any slider does, and follows a pointer over the picture. Without this script both are shown side by side.
(() => {
  document.documentElement.classList.add("scripted");

  const show = (slider) => {
    const pictures = slider.closest(".compare").querySelector(".pictures");
    pictures.style.setProperty("--at", `${slider.value}%`);
  };

  document.addEventListener("input", (event) => {
    if (event.target.matches(".compare input[type=range]")) show(event.target);
  });

  document.addEventListener("pointermove", (event) => {
    const pictures = event.target.closest?.(".pictures");
    if (!pictures || (event.pointerType === "mouse" && event.buttons !== 1)) return;
    const slider = pictures.closest(".compare").querySelector("input[type=range]");
    const { left, width } = pictures.getBoundingClientRect();
    slider.value = Math.round((100 * (event.clientX - left)) / width);
    show(slider);
  });
  document.addEventListener("dragstart", (event) => {
    if (event.target.closest?.(".pictures")) event.preventDefault();
  });
})();
