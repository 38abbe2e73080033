// @ts-check
// Fields of single values. An empty one is left out: the JSON of the form can say what a form cannot.
import { element } from "./dom.js";
import { Field } from "./field.js";
import { parse, shown } from "./json.js";

/** A text. */
export class TextField extends Field {
	/** @param {import("./field.js").Place} place */
	constructor(place) {
		super(place);
		this.input = element("input", { autocomplete: "off", spellcheck: "false" });
		this.show();
	}

	show() {
		this.labelled(this.input);
	}

	/** @override */
	json() {
		return this.input.value === "" ? undefined : JSON.stringify(this.input.value);
	}

	/** @override @param {unknown} value */
	set(value) {
		this.input.value = value === undefined || value === null ? "" : shown(value);
	}
}

/** A point in time: RFC 3339, with a button for now. */
export class MomentField extends TextField {
	/** @override */
	show() {
		this.input.placeholder = "2024-05-01T10:00:00Z";
		const now = element("button", { type: "button", class: "quiet", "aria-label": `${this.place.name}: now` }, "Now");
		now.addEventListener("click", () => { this.input.value = new Date().toISOString(); });
		this.labelled(this.input, now);
	}
}

const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** A number, which goes as it was typed: its digits are nobody's to round. What is none goes as a text, for the server to say so. */
export class NumberField extends TextField {
	/** @override */
	show() {
		this.node.classList.add("small");
		this.input.inputMode = this.place.shape.type === "integer" ? "numeric" : "decimal";
		this.labelled(this.input);
	}

	/** @override */
	json() {
		const text = this.input.value.trim();
		return text === "" ? undefined : number.test(text) ? text : JSON.stringify(text);
	}
}

/** One of a few values. */
export class SelectField extends Field {
	/**
	 * @param {import("./field.js").Place} place
	 * @param {unknown[]} values
	 */
	constructor(place, values) {
		super(place);
		this.values = values.map((value) => JSON.stringify(value));
		this.node.classList.add("small");
		this.select = element("select");
		this.select.append(element("option", { value: "" }, "(left out)"));
		for (const [i, value] of values.entries()) {
			this.select.append(element("option", { value: String(i) }, value === "" ? '""' : shown(value)));
		}
		this.labelled(this.select);
		this.set(undefined);
	}

	/** @override */
	json() {
		return this.select.value === "" ? undefined : this.values[Number(this.select.value)];
	}

	/** @override A value without an alternative is nobody's choice. */
	get blank() {
		return this.select.value === "" || this.values.length === 1;
	}

	/** @override @param {unknown} value */
	set(value) {
		const at = this.values.indexOf(JSON.stringify(value));
		this.select.value = at >= 0 ? String(at) : this.place.required && this.values.length === 1 ? "0" : "";
	}
}

/** Anything else, as JSON. */
export class JSONField extends Field {
	/** @param {import("./field.js").Place} place */
	constructor(place) {
		super(place);
		this.input = element("textarea", { rows: "2", spellcheck: "false", placeholder: "JSON" });
		this.labelled(this.input);
	}

	/** @override */
	json() {
		const text = this.input.value.trim();
		if (text === "") return undefined;
		try {
			parse(text);
		} catch (e) {
			throw new NotJSON(this, e instanceof Error ? e.message : String(e));
		}
		return text;
	}

	/** @override */
	get blank() {
		return this.input.value.trim() === "";
	}

	/** @override @param {unknown} value */
	set(value) {
		this.input.value = value === undefined ? "" : JSON.stringify(value);
	}
}

/** A field holds what is no JSON, and nothing can be sent. */
export class NotJSON extends Error {
	/**
	 * @param {Field} field
	 * @param {string} why
	 */
	constructor(field, why) {
		super(`is no JSON: ${why}`);
		this.field = field;
	}
}
