// @ts-check
// Server-Sent Events, read with fetch: EventSource shows neither headers nor the ids of heartbeats.
import { address, streamPath } from "./contract.js";
import { Refusal, passes, problemOf } from "./problem.js";

/**
 * Follows a subscription over one connection, until it ends.
 * @param {import("./subscription.js").Subscription} subscription
 * @param {import("./subscription.js").Listener} listener
 * @param {AbortSignal} signal
 */
export async function followSSE(subscription, listener, signal) {
	const path = streamPath("events", subscription.stream, subscription.asked.key) + subscription.query();
	const answer = await fetch(address(path), { headers: { Accept: "text/event-stream" }, signal, cache: "no-store" });
	if (answer.status !== 200 || answer.body === null) {
		const problem = await problemOf(answer);
		if (passes(answer.status)) throw new Error(problem.detail || problem.title);
		throw new Refusal(problem);
	}
	listener.opened(`GET /${path}`, [`${answer.status}`, ...[...answer.headers].map(([name, value]) => `${name}: ${value}`)].join("\n"));
	const blocks = new Blocks();
	const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
	for (;;) {
		const { done, value } = await reader.read();
		if (done) return;
		for (const block of blocks.feed(value)) {
			if (block.id !== "") subscription.position = block.id;
			if (block.data !== "") listener.event({ ...block, key: "", time: "" });
		}
	}
}

/** Takes text as it comes, and gives whole blocks (WHATWG HTML, "Interpreting an event stream"). */
export class Blocks {
	#rest = "";
	#id = "";
	#block = { type: "", data: "" };

	/**
	 * @param {string} text
	 * @returns {{ type: string, id: string, data: string }[]}
	 */
	feed(text) {
		const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
		this.#rest = lines.pop() ?? "";
		return lines.flatMap((line) => this.#line(line));
	}

	/** @param {string} line */
	#line(line) {
		if (line === "") {
			const { type, data } = this.#block;
			this.#block = { type: "", data: "" };
			return [{ type: type || "message", id: this.#id, data: data.slice(0, -1) }];
		}
		const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
		if (name === "event") this.#block.type = value ?? "";
		else if (name === "data") this.#block.data += `${value}\n`;
		else if (name === "id") this.#id = value ?? "";
		return [];
	}
}
