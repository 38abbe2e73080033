// @ts-check
// Pages of history, and long polling: for networks that break streams.
import { address, streamPath } from "./contract.js";
import { parse } from "./json.js";
import { Refusal, passes, problemOf } from "./problem.js";

const LIMIT = 100;
const WAIT = 20; // seconds

/**
 * Follows a subscription by one request after another.
 * @param {import("./subscription.js").Subscription} subscription
 * @param {import("./subscription.js").Listener} listener
 * @param {AbortSignal} signal
 */
export async function followPages(subscription, listener, signal) {
	const path = streamPath("events", subscription.stream, subscription.asked.key);
	for (let first = true; ; first = false) {
		const more = subscription.behind ? { limit: String(LIMIT) } : { after: "latest", limit: String(LIMIT) };
		const query = subscription.query(more);
		const headers = { Accept: "application/json", ...(first ? {} : { Prefer: `wait=${WAIT}` }) };
		const answer = await fetch(address(path + query), { headers, signal, cache: "no-store" });
		if (answer.status !== 200) {
			const problem = await problemOf(answer);
			if (passes(answer.status)) throw new Error(problem.detail || problem.title);
			throw new Refusal(problem);
		}
		if (first) listener.opened(`GET /${path}${query}`, [`${answer.status}`, ...[...answer.headers].map(([name, value]) => `${name}: ${value}`)].join("\n"));
		const page = parse(await answer.text());
		if (page.gap) listener.event({ type: "leat.gap", id: page.gap.resumedAfter, key: "", time: "", data: JSON.stringify(page.gap) });
		for (const e of page.events) listener.event({ type: e.type, id: e.id, key: e.key ?? "", time: e.time, data: JSON.stringify(e.data) });
		subscription.position = page.next;
		if (page.events.length < LIMIT) listener.live();
	}
}
