// @ts-check
// As much of JSON Schema as a form needs. What is valid, the server says.

import { isRaw } from "./json.js";

/**
 * @typedef {import("./contract.js").Schema} Schema
 * @typedef {import("./contract.js").SchemaObject} SchemaObject
 */

/** @param {unknown} value @returns {value is SchemaObject} */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value) && !isRaw(value);

/** A schema with what it refers to and what it has in allOf put together. */
export class Shape {
	/**
	 * @param {SchemaObject} root
	 * @param {unknown} schema
	 * @param {string[]} opened the references that led here
	 */
	constructor(root, schema, opened = []) {
		this.root = root;
		this.opened = opened;
		/** Whether it is within itself: its form is made when it is wanted. */
		this.again = false;
		/** @type {SchemaObject[]} */
		this.parts = [];
		this.#meet(schema);
	}

	/** @param {unknown} schema */
	#meet(schema) {
		if (!isObject(schema)) return;
		this.parts.push(schema);
		const ref = schema["$ref"];
		if (typeof ref === "string" && this.parts.length < 100) {
			this.again ||= this.opened.includes(ref);
			this.opened = [...this.opened, ref];
			this.#meet(this.#target(ref));
		}
		const all = schema["allOf"];
		if (Array.isArray(all)) for (const part of all) this.#meet(part);
	}

	/** @param {string} ref */
	#target(ref) {
		if (ref === "#") return this.root;
		const definitions = this.root["$defs"];
		return isObject(definitions) ? definitions[ref.replace("#/$defs/", "")] : undefined;
	}

	/**
	 * @param {string} keyword
	 * @returns {unknown} what the first part that has it says
	 */
	get(keyword) {
		return this.parts.find((part) => Object.hasOwn(part, keyword))?.[keyword];
	}

	/** @param {string} keyword */
	text(keyword) {
		const value = this.get(keyword);
		return typeof value === "string" ? value : "";
	}

	/** The shapes of an object's members, by name. */
	members() {
		/** @type {Map<string, unknown[]>} */
		const all = new Map();
		for (const part of this.parts) {
			const properties = part["properties"];
			if (!isObject(properties)) continue;
			for (const [name, schema] of Object.entries(properties)) all.set(name, [...(all.get(name) ?? []), schema]);
		}
		return new Map([...all].map(([name, schemas]) => [name, this.inner(schemas.length === 1 ? schemas[0] : { allOf: schemas })]));
	}

	/** @returns {Set<string>} */
	required() {
		return new Set(this.parts.flatMap((part) => {
			const names = part["required"];
			return Array.isArray(names) ? names.map(String) : [];
		}));
	}

	/**
	 * What this consists of in one of its alternatives.
	 * @returns {Shape[]} none where there are no alternatives
	 */
	alternatives() {
		const all = this.get("oneOf") ?? this.get("anyOf");
		if (!Array.isArray(all)) return [];
		const rest = this.parts.map((part) => Object.fromEntries(Object.entries(part).filter(([name]) => !["$ref", "allOf", "oneOf", "anyOf", "title"].includes(name))));
		return all.map((alternative) => this.inner({ allOf: [alternative, ...rest] }));
	}

	/** @param {unknown} schema */
	inner(schema) {
		return new Shape(this.root, schema, this.opened);
	}

	/** The one type that a form can offer, "" where there are several or none. */
	get type() {
		const given = this.get("type");
		const types = (Array.isArray(given) ? given : [given]).filter((type) => type !== "null" && type !== undefined);
		if (types.length === 1) return String(types[0]);
		if (types.length > 1) return "";
		return this.get("properties") !== undefined ? "object" : this.get("items") !== undefined ? "array" : "";
	}

	/**
	 * Which kind of field is for it.
	 * @returns {"choice" | "select" | "boolean" | "number" | "moment" | "text" | "object" | "array" | "json"}
	 */
	get kind() {
		if (this.values() !== undefined) return "select";
		if (this.alternatives().length > 0) return "choice";
		switch (this.type) {
		case "boolean": return "boolean";
		case "integer": case "number": return "number";
		case "string": return this.get("format") === "date-time" ? "moment" : "text";
		case "object": return this.members().size > 0 ? "object" : "json";
		case "array": return this.get("items") !== undefined && this.get("prefixItems") === undefined ? "array" : "json";
		}
		return "json";
	}

	/**
	 * All values that there are, where the schema lists them.
	 * @returns {unknown[] | undefined}
	 */
	values() {
		const one = this.parts.find((part) => Object.hasOwn(part, "const"));
		if (one !== undefined) return [one["const"]];
		const some = this.get("enum");
		return Array.isArray(some) ? some : undefined;
	}

	/**
	 * Whether a value may be meant for this, as far as can be seen at a glance.
	 * @param {unknown} value
	 */
	suits(value) {
		const values = this.values();
		if (values !== undefined) return values.some((other) => JSON.stringify(other) === JSON.stringify(value));
		if (isRaw(value)) return this.type === "number" || this.type === "integer";
		if (!isObject(value)) return this.type === "" || this.type === typeof value || (this.type === "integer" && typeof value === "number") || (this.type === "array" && Array.isArray(value));
		if (this.type !== "object" && this.type !== "") return false;
		const members = this.members();
		return [...this.required()].every((name) => Object.hasOwn(value, name))
			&& Object.entries(value).every(([name, inner]) => {
				const values = members.get(name)?.values();
				return values === undefined || values.some((other) => JSON.stringify(other) === JSON.stringify(inner));
			});
	}
}
