// @ts-check
// Elements, made and found. Texts are always set as texts: whatever comes from a contract or an event is no HTML.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(name, attributes = {}, ...children) {
	const made = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
	made.append(...children);
	return made;
}

/**
 * The one element of a selector, which is there and of that type.
 * @template {Element} T
 * @param {ParentNode} within
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
export function part(within, selector, type) {
	const found = within.querySelector(selector);
	if (!(found instanceof type)) throw new Error(`the page has no ${type.name} at ${selector}`);
	return found;
}

/**
 * A control of a form, where the form has it.
 * @param {HTMLFormElement} form
 * @param {string} name
 * @returns {string} its value, "" where there is none
 */
export function valueOf(form, name) {
	const control = form.elements.namedItem(name);
	if (control instanceof HTMLInputElement || control instanceof HTMLSelectElement || control instanceof HTMLTextAreaElement) return control.value;
	return control instanceof RadioNodeList ? control.value : "";
}

let numbers = 0;

/** An id that no other element has: a stream's begins with a letter. */
export function freshID() {
	return `_made-${++numbers}`;
}
