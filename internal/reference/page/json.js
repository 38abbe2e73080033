// @ts-check
// JSON whose numbers keep their digits: those that JavaScript would round are kept as they are written (TC39, "JSON.parse
// source text access"; older browsers round them).

/** @typedef {{ rawJSON: string }} Raw */

const { rawJSON, isRawJSON } = /** @type {{ rawJSON?: (text: string) => Raw, isRawJSON?: (value: unknown) => boolean }} */ (/** @type {unknown} */ (JSON));

/**
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
	/** @type {(name: string, value: unknown, context?: { source?: string }) => unknown} */
	const keep = (_name, value, context) => {
		const source = context?.source;
		return typeof value === "number" && source !== undefined && String(value) !== source ? rawJSON?.(source) ?? value : value;
	};
	return JSON.parse(text, keep);
}

/**
 * Whether a value is a number that parse has kept as it is written.
 * @param {unknown} value
 */
export const isRaw = (value) => isRawJSON?.(value) ?? false;

/**
 * A value for people: a text as it is, all else as JSON.
 * @param {unknown} value
 */
export const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
