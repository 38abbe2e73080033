// @ts-check
// The reference page: what it says is there without this; this lets one copy and try it.
import { loadContract } from "./contract.js";
import { addCopyButtons } from "./copy.js";
import { part } from "./dom.js";
import { Listen } from "./listen.js";
import { Send } from "./send.js";

addCopyButtons();
keepLanguage();
foldMenu();
const { streams } = await loadContract();
for (const panel of document.querySelectorAll(".try")) {
	const stream = streams.find(({ name }) => panel instanceof HTMLElement && panel.dataset["stream"] === name);
	if (stream === undefined || !(panel instanceof HTMLElement)) continue;
	if (panel.querySelector("form.connect") !== null) new Listen(panel, stream);
	new Send(panel, stream);
	part(panel, ".live", HTMLElement).hidden = false;
}
document.documentElement.dataset["ready"] = "";

/** Who wants one stream in Python wants them all so. */
function keepLanguage() {
	document.addEventListener("change", ({ target }) => {
		if (!(target instanceof HTMLInputElement) || !target.name.startsWith("language-")) return;
		for (const other of document.querySelectorAll("input[type=radio]")) {
			if (other instanceof HTMLInputElement && other.name.startsWith("language-") && other.value === target.value) other.checked = true;
		}
	});
}

/** On a narrow screen the menu would push the page away. */
function foldMenu() {
	const narrow = matchMedia("(max-width: 63.99rem)");
	const menu = part(document, "nav details", HTMLDetailsElement);
	const fold = () => { menu.open = !narrow.matches; };
	narrow.addEventListener("change", fold);
	fold();
	menu.addEventListener("click", ({ target }) => { if (target instanceof HTMLAnchorElement && narrow.matches) menu.open = false; });
}
