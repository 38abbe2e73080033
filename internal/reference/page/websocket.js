// @ts-check
// leat.v1 over a WebSocket. It subscribes by a message: a browser does not tell why a WebSocket was refused.
import { address } from "./contract.js";
import { Refusal, asProblem, passes } from "./problem.js";

/**
 * Follows a subscription over one connection, until it ends.
 * @param {import("./subscription.js").Subscription} subscription
 * @param {import("./subscription.js").Listener} listener
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function followWebSocket(subscription, listener, signal) {
	const { key } = subscription.asked;
	const { last, ...parameters } = subscription.parameters();
	const request = JSON.stringify({
		op: "subscribe", ref: "1", stream: subscription.stream, ...(key === "" ? {} : { key }), ...parameters,
		...(last === undefined ? {} : { last: Number(last) }),
	});
	return new Promise((done, failed) => {
		const socket = new WebSocket(address("ws").replace(/^http/, "ws"), "leat.v1");
		signal.addEventListener("abort", () => { socket.close(); done(); }, { once: true });
		socket.onopen = () => socket.send(request);
		socket.onclose = ({ code, reason }) => failed(new Error(`closed with ${code}${reason === "" ? "" : `, ${reason}`}`));
		socket.onmessage = ({ data }) => {
			if (signal.aborted) return;
			const text = String(data), message = JSON.parse(text);
			if (message.op === "subscribed") {
				subscription.position ||= message.id ?? "";
				listener.opened(`/ws ← ${request}`, text);
			} else if (message.op === "event") {
				if (message.id) subscription.position = message.id;
				listener.event({ type: message.type, id: message.id ?? "", key: message.key ?? "", time: message.time ?? "", data: dataOf(text) });
			} else if (message.op === "error") {
				const problem = asProblem(message.error, 500);
				failed(passes(problem.status) ? new Error(problem.detail) : new Refusal(problem));
				socket.close();
			}
		};
	});
}

/**
 * The data of an envelope as it came: to read and write it again would change its numbers. It is the last member, and the
 * quotes within texts before it are escaped.
 * @param {string} text
 */
function dataOf(text) {
	return text.slice(text.indexOf(',"data":') + 8, -1);
}
