// @ts-check
// What all fields of a made form have: a label, a hint, a place for what is wrong with it.
import { element, freshID } from "./dom.js";
import { shown } from "./json.js";

/**
 * @typedef {import("./schema.js").Shape} Shape
 * @typedef {{ shape: Shape, name: string, required: boolean, depth: number, item?: true }} Place name is "" for the data itself
 */

/** @abstract */
export class Field {
	/** @param {Place} place */
	constructor(place) {
		this.place = place;
		this.id = freshID();
		this.node = element("div", { class: "part" });
		this.error = element("p", { class: "wrong", id: `${this.id}-wrong`, hidden: "" });
		/** @type {HTMLElement | undefined} what is focused where something is wrong */
		this.control = undefined;
	}

	/**
	 * The value as JSON, undefined where it is left out.
	 * @returns {string | undefined}
	 */
	json() {
		throw new Error("a field has a value");
	}

	/** Whether nobody has given it a value: an object that may be left out is, where all in it is blank. */
	get blank() {
		return this.json() === undefined;
	}

	/** @param {unknown} _value undefined empties it */
	set(_value) {
		throw new Error("a field can be set");
	}

	/**
	 * The field nearest to a place in its value, and what of the way there is left.
	 * @param {string[]} way
	 * @returns {[Field, string[]]}
	 */
	find(way) {
		return [this, way];
	}

	/** @param {string} text */
	fail(text) {
		this.error.textContent = this.error.hidden ? text : `${this.error.textContent}; ${text}`;
		this.error.hidden = false;
		this.control?.setAttribute("aria-invalid", "true");
	}

	clear() {
		this.error.hidden = true;
		this.control?.removeAttribute("aria-invalid");
	}

	/**
	 * Puts a control below its label.
	 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
	 * @param {...HTMLElement} beside
	 */
	labelled(control, ...beside) {
		const { name, required } = this.place;
		control.id = this.id;
		this.control = control;
		const label = element("label", { for: this.id, class: required && !this.place.item ? "must" : "" }, name === "" ? "data" : name);
		const hints = this.hints();
		control.setAttribute("aria-describedby", [...(hints === "" ? [] : [`${this.id}-hint`]), this.error.id].join(" "));
		if (required) control.setAttribute("aria-required", "true");
		this.node.append(label, beside.length === 0 ? control : element("div", { class: "beside" }, control, ...beside), this.error);
		if (hints !== "") this.node.append(element("p", { class: "hint", id: `${this.id}-hint` }, hints));
	}

	/** What the schema says of the value, in short. */
	hints() {
		const { shape } = this.place;
		/** @type {[string, string][]} */
		const bounds = [
			["minLength", "at least % characters"], ["maxLength", "at most % characters"], ["minimum", "at least %"], ["exclusiveMinimum", "above %"],
			["maximum", "at most %"], ["exclusiveMaximum", "below %"], ["multipleOf", "a multiple of %"], ["pattern", "matches %"], ["format", "%"],
		];
		return [
			this.place.name === "" ? "" : shape.text("description") || shape.text("title"), // of the whole the page tells beside it
			...bounds.filter(([keyword]) => shape.get(keyword) !== undefined).map(([keyword, says]) => says.replace("%", () => shown(shape.get(keyword))).replace(/\b1 characters/, "1 character")),
		].filter((text) => text !== "").join(" · ");
	}
}
