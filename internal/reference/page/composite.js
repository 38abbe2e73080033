// @ts-check
// Fields of values that consist of others.
import { element, freshID } from "./dom.js";
import { Field } from "./field.js";
import { isObject } from "./schema.js";

/**
 * @typedef {import("./field.js").Place} Place
 * @typedef {(place: Place) => Field} Make
 */

/** A field with a frame around others. */
class Framed extends Field {
	/** @param {Place} place */
	constructor(place) {
		super(place);
		const hints = this.hints();
		const describedBy = [...(hints === "" ? [] : [`${this.id}-hint`]), this.error.id].join(" ");
		this.frame = element("fieldset", { tabindex: "-1", "aria-describedby": describedBy });
		if (place.name !== "") this.frame.append(element("legend", { class: place.required && !place.item ? "must" : "" }, place.name));
		if (hints !== "") this.frame.append(element("p", { class: "hint", id: `${this.id}-hint` }, hints));
		this.frame.append(this.error);
		this.control = this.frame;
		this.node.append(this.frame);
	}

	/** @override A frame has no value of its own that could be invalid. @param {string} text */
	fail(text) {
		super.fail(text);
		this.frame.removeAttribute("aria-invalid");
	}
}

/** An object. What its schema does not name is kept, and sent as it came. */
export class ObjectField extends Framed {
	/**
	 * @param {Place} place
	 * @param {Make} make
	 */
	constructor(place, make) {
		super(place);
		/** @type {Map<string, Field>} */
		this.fields = new Map();
		/** @type {[string, unknown][]} */
		this.rest = [];
		const required = place.shape.required();
		for (const [name, shape] of place.shape.members()) {
			const field = make({ shape, name, required: required.has(name), depth: place.depth + 1 });
			this.fields.set(name, field);
			this.frame.append(field.node);
		}
	}

	/** @override */
	json() {
		if (!this.place.required && this.blank) return undefined;
		const members = [...this.fields].map(([name, field]) => /** @type {const} */ ([name, field.json()]));
		const all = [...members, ...this.rest.map(([name, value]) => /** @type {const} */ ([name, JSON.stringify(value)]))]
			.filter(([, value]) => value !== undefined).map(([name, value]) => `${JSON.stringify(name)}:${value}`);
		return `{${all.join(",")}}`;
	}

	/** @override */
	get blank() {
		return this.rest.length === 0 && [...this.fields.values()].every((field) => field.blank);
	}

	/** @override @param {unknown} value */
	set(value) {
		const given = isObject(value) ? value : {};
		for (const [name, field] of this.fields) field.set(Object.hasOwn(given, name) ? given[name] : undefined);
		this.rest = Object.entries(given).filter(([name]) => !this.fields.has(name));
	}

	/** @override @param {string[]} way @returns {[Field, string[]]} */
	find(way) {
		const [first, ...further] = way;
		const inner = first === undefined ? undefined : this.fields.get(first);
		return inner === undefined ? [this, way] : inner.find(further);
	}

	/** @override */
	clear() {
		super.clear();
		for (const field of this.fields.values()) field.clear();
	}
}

/** A list, to which items can be added. */
export class ArrayField extends Framed {
	/**
	 * @param {Place} place
	 * @param {Make} make
	 */
	constructor(place, make) {
		super(place);
		this.make = make;
		/** @type {{ field: Field, node: HTMLElement }[]} */
		this.items = [];
		this.list = element("div", { class: "made" });
		this.add = element("button", { type: "button", class: "quiet" }, place.name === "" ? "Add an item" : `Add to ${place.name}`);
		this.add.addEventListener("click", () => this.#append()?.control?.focus());
		this.frame.append(this.list, element("div", {}, this.add));
	}

	#append() {
		const { shape, depth, name } = this.place;
		const field = this.make({ shape: shape.inner(shape.get("items")), name: `${name || "item"} ${this.items.length + 1}`, required: true, item: true, depth: depth + 1 });
		const remove = element("button", { type: "button", class: "quiet", "aria-label": `Remove ${field.place.name}` }, "Remove");
		const item = { field, node: element("div", { class: "beside" }, field.node, remove) };
		remove.addEventListener("click", () => {
			this.items.splice(this.items.indexOf(item), 1);
			item.node.remove();
			this.add.focus();
		});
		this.items.push(item);
		this.list.append(item.node);
		return field;
	}

	/** @override */
	get blank() {
		return this.items.length === 0;
	}

	/** @override An item that is empty is null: to leave it out would move the others. */
	json() {
		if (this.items.length === 0 && !this.place.required) return undefined;
		return `[${this.items.map(({ field }) => field.json() ?? "null").join(",")}]`;
	}

	/** @override @param {unknown} value */
	set(value) {
		this.items = [];
		this.list.replaceChildren();
		if (Array.isArray(value)) for (const item of value) this.#append().set(item);
	}

	/** @override @param {string[]} way @returns {[Field, string[]]} */
	find(way) {
		const [first, ...further] = way;
		const item = first === undefined ? undefined : this.items[Number(first)];
		return item === undefined ? [this, way] : item.field.find(further);
	}

	/** @override */
	clear() {
		super.clear();
		for (const { field } of this.items) field.clear();
	}
}

/** One of several alternatives. */
export class ChoiceField extends Framed {
	/**
	 * @param {Place} place
	 * @param {Make} make
	 */
	constructor(place, make) {
		super(place);
		this.make = make;
		this.alternatives = place.shape.alternatives();
		const id = freshID();
		this.select = element("select", { id });
		if (!place.required) this.select.append(element("option", { value: "" }, "(left out)"));
		for (const [i, shape] of this.alternatives.entries()) {
			this.select.append(element("option", { value: String(i) }, shape.text("title") || `alternative ${i + 1}${shape.type === "" ? "" : `, ${shape.type}`}`));
		}
		this.select.addEventListener("change", () => this.#show());
		this.inside = element("div", { class: "made" });
		this.frame.append(element("div", { class: "part" }, element("label", { for: id }, "Which"), this.select), this.inside);
		/** @type {Field | undefined} */
		this.field = undefined;
		this.#show();
	}

	#show() {
		const shape = this.alternatives[Number(this.select.value)];
		this.field = this.select.value === "" || shape === undefined ? undefined
			: this.make({ shape, name: shape.kind === "object" ? "" : "value", required: true, depth: this.place.depth + 1 });
		this.inside.replaceChildren(...(this.field === undefined ? [] : [this.field.node]));
	}

	/** @override */
	json() {
		return this.field?.json();
	}

	/** @override */
	get blank() {
		return this.field?.blank ?? true;
	}

	/** @override @param {unknown} value */
	set(value) {
		const at = value === undefined ? -1 : this.alternatives.findIndex((shape) => shape.suits(value));
		this.select.value = at >= 0 ? String(at) : this.place.required ? "0" : "";
		this.#show();
		this.field?.set(value);
	}

	/** @override @param {string[]} way @returns {[Field, string[]]} */
	find(way) {
		return this.field === undefined ? [this, way] : this.field.find(way);
	}

	/** @override */
	clear() {
		super.clear();
		this.field?.clear();
	}
}

/** What is made only when it is wanted: a schema within itself has no end. */
export class LazyField extends Field {
	/**
	 * @param {Place} place
	 * @param {Make} make
	 */
	constructor(place, make) {
		super(place);
		this.make = make;
		/** @type {Field | undefined} */
		this.field = undefined;
		const button = element("button", { type: "button", class: "quiet" }, `Add ${place.name || "a value"}`);
		button.addEventListener("click", () => this.#open()?.control?.focus());
		this.control = button;
		this.node.append(button, this.error);
	}

	#open() {
		if (this.field === undefined) {
			this.field = this.make(this.place);
			this.node.replaceChildren(this.field.node);
		}
		return this.field;
	}

	/** @override */
	json() {
		return this.field?.json();
	}

	/** @override */
	get blank() {
		return this.field?.blank ?? true;
	}

	/** @override @param {unknown} value */
	set(value) {
		if (value !== undefined) this.#open().set(value);
		else this.field?.set(value);
	}

	/** @override @param {string[]} way @returns {[Field, string[]]} */
	find(way) {
		return this.field === undefined ? [this, way] : this.field.find(way);
	}

	/** @override */
	clear() {
		super.clear();
		this.field?.clear();
	}
}
