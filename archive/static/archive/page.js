// What every page has: buttons that copy the text of another element. Without JavaScript they stay hidden.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.setAttribute("aria-label", `Copy ${document.getElementById(button.dataset.copy)?.textContent.trim().slice(0, 40) ?? ""}`);
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      // Browsers refuse the clipboard outside https: select the text, so that one key copies it.
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      button.textContent = "selected: press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "copy"; }, 2500);
  });
}
