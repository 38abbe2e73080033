// @ts-check
// A form made from a schema.
import { ArrayField, ChoiceField, LazyField, ObjectField } from "./composite.js";
import { JSONField, MomentField, NumberField, SelectField, TextField } from "./leaf.js";
import { Shape } from "./schema.js";

const DEEP = 4; // levels that are there at once; below, each is made when it is wanted
const DEEPEST = 20;

/**
 * The field for data that a schema describes.
 * @param {import("./contract.js").SchemaObject} schema
 */
export function makeForm(schema) {
	return make({ shape: new Shape(schema, schema, ["#"]), name: "", required: true, depth: 0 });
}

/**
 * @param {import("./field.js").Place} place
 * @returns {import("./field.js").Field}
 */
function make(place) {
	const { shape, depth } = place;
	const { kind } = shape;
	if (depth > DEEPEST) return new JSONField(place);
	if ((kind === "object" || kind === "choice") && depth > 0 && (shape.again || depth % DEEP === 0)) return new LazyField(place, open);
	return open(place);
}

/**
 * @param {import("./field.js").Place} place
 * @returns {import("./field.js").Field}
 */
function open(place) {
	const { shape } = place;
	switch (shape.kind) {
	case "object": return new ObjectField(place, make);
	case "array": return new ArrayField(place, make);
	case "choice": return new ChoiceField(place, make);
	case "select": return new SelectField(place, shape.values() ?? []);
	case "boolean": return new SelectField(place, [true, false]);
	case "number": return new NumberField(place);
	case "moment": return new MomentField(place);
	case "text": return new TextField(place);
	case "json": return new JSONField(place);
	}
}
