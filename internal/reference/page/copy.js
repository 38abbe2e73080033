// @ts-check
// Buttons that copy.
import { element, part } from "./dom.js";

/** Gives every piece of code a button. */
export function addCopyButtons() {
	const told = part(document, "#_copied", HTMLElement);
	for (const box of document.querySelectorAll(".code")) {
		const pre = part(box, "pre", HTMLPreElement);
		const button = element("button", { type: "button", "aria-label": `Copy: ${pre.getAttribute("aria-label") ?? "code"}` }, "Copy");
		button.addEventListener("click", async () => {
			const copied = await copy(pre);
			button.textContent = copied ? "Copied" : "Selected";
			told.textContent = copied ? "Copied" : "Selected: copy it with the keyboard";
			setTimeout(() => { button.textContent = "Copy"; told.textContent = ""; }, 2000);
		});
		box.append(button);
	}
}

/**
 * Copies a text, or selects it where the browser keeps the clipboard to itself: it does on plain http beyond localhost.
 * @param {HTMLElement} pre
 */
async function copy(pre) {
	try {
		await navigator.clipboard.writeText(pre.textContent ?? "");
		return true;
	} catch {
		getSelection()?.selectAllChildren(pre);
		return false;
	}
}
