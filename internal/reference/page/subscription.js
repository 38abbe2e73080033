// @ts-check
// What is asked for, and where it goes on.

/**
 * @typedef {{ type: string, id: string, key: string, time: string, data: string }} Arrival data is JSON as it came
 * @typedef {{
 *   opened(request: string, answer: string): void,
 *   event(arrival: Arrival): void,
 *   live(): void,
 * }} Listener
 */

export class Subscription {
	/**
	 * @param {string} stream
	 * @param {{ key: string, allKeys: boolean, types: string[], start: string, last: string, after: string }} asked
	 */
	constructor(stream, asked) {
		this.stream = stream;
		this.asked = asked;
		/** Of the newest event or heartbeat seen. */
		this.position = "";
	}

	/** Whether a leat.live is to come: it was begun, or goes on, in the past. */
	get behind() {
		return this.position !== "" || this.asked.start !== "latest";
	}

	/**
	 * The parameters that every transport has.
	 * @returns {{ allKeys?: true, eventTypes?: string[], after?: string, last?: string }}
	 */
	parameters() {
		const { allKeys, types, start, last, after } = this.asked;
		const begin = this.position !== "" ? { after: this.position }
			: start === "latest" ? {}
			: start === "last" ? { last }
			: { after: start === "earliest" ? start : after };
		return { ...(allKeys ? { allKeys } : {}), ...(types.length > 0 ? { eventTypes: types } : {}), ...begin };
	}

	/**
	 * The same as a query, "" where nothing is asked.
	 * @param {Record<string, string>} [more]
	 */
	query(more = {}) {
		const all = { ...this.parameters(), ...more };
		const query = Object.entries(all).map(([name, value]) => `${name}=${encodeURIComponent(String(value)).replaceAll("%2C", ",")}`).join("&");
		return query === "" ? "" : `?${query}`;
	}
}

/**
 * Ends after a time, or when the signal says so, whichever is first.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
export function pause(milliseconds, signal) {
	return new Promise((done) => {
		const timer = setTimeout(done, milliseconds);
		const end = () => { clearTimeout(timer); done(undefined); };
		if (signal.aborted) end();
		else signal.addEventListener("abort", end, { once: true });
	});
}
