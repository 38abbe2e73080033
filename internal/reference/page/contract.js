// @ts-check
// What the page's scripts know of the contract; internal/reference/facts.go says it.
import { parse } from "./json.js";

/**
 * @typedef {{ [keyword: string]: unknown }} SchemaObject
 * @typedef {SchemaObject | boolean} Schema
 * @typedef {{ name: string, schema: SchemaObject, examples: unknown[] }} Type
 * @typedef {{ name: string, rooms: boolean, keyed: boolean, stored: boolean, transports: string[], events: Type[], commands: Type[] }} Stream
 * @typedef {{ streams: Stream[] }} Contract
 */

/** @returns {Promise<Contract>} */
export async function loadContract() {
	const answer = await fetch(address("docs/contract.json"));
	if (!answer.ok) throw new Error(`the contract cannot be loaded: ${answer.status}`);
	return parse(await answer.text());
}

/**
 * A URL of this server, wherever it is mounted: the page is at its docs.
 * @param {string} path
 */
export function address(path) {
	return new URL(path, new URL(".", document.baseURI)).href;
}

/**
 * The path of a stream's route.
 * @param {string} route
 * @param {string} stream
 * @param {string} key "" without
 */
export function streamPath(route, stream, key) {
	return `${route}/${encodeURIComponent(stream)}${key === "" ? "" : `/${encodeURIComponent(key)}`}`;
}
