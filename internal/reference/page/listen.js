// @ts-check
// The half of "Try it" that subscribes: it connects, loses the connection when told to, and goes on where it was.
import { Arrivals } from "./arrivals.js";
import { element, part, valueOf } from "./dom.js";
import { followPages } from "./pages.js";
import { Refusal } from "./problem.js";
import { followSSE } from "./sse.js";
import { Subscription, pause } from "./subscription.js";
import { followWebSocket } from "./websocket.js";

const AWAY = 5000;            // milliseconds without a connection that was dropped on purpose: time to publish something
const FIRST = 1000, MOST = 15_000; // between tries

const transports = { sse: followSSE, websocket: followWebSocket, pages: followPages };

/** @param {number} n */
const events = (n) => `${n} ${n === 1 ? "event" : "events"}`;

export class Listen {
	/**
	 * @param {HTMLElement} panel
	 * @param {import("./contract.js").Stream} stream
	 */
	constructor(panel, stream) {
		this.stream = stream;
		this.form = part(panel, "form.connect", HTMLFormElement);
		this.connect = part(this.form, "button:not([type])", HTMLButtonElement);
		this.drop = part(this.form, "[name=drop]", HTMLButtonElement);
		this.stop = part(this.form, "[name=stop]", HTMLButtonElement);
		this.state = part(panel, ".state", HTMLElement);
		this.request = part(panel, ".request", HTMLElement);
		this.headers = part(panel, ".headers", HTMLElement);
		this.told = part(panel, ".told", HTMLElement);
		this.arrivals = new Arrivals(panel);
		/** @type {AbortController | undefined} ends it all */
		this.all = undefined;
		/** @type {AbortController | undefined} ends the connection, or the wait for the next one */
		this.one = undefined;
		this.dropped = false; // on purpose
		this.caughtUp = 0;
		this.gaps = 0;
		this.resumed = "";
		this.form.addEventListener("submit", (e) => { e.preventDefault(); void this.#run(); });
		this.drop.addEventListener("click", () => { this.dropped = this.state.dataset["state"] !== "dropped"; this.one?.abort(); });
		this.stop.addEventListener("click", () => this.#end());
		this.form.addEventListener("change", () => this.#ask());
		this.#ask();
	}

	/** Shows the fields that the start needs. */
	#ask() {
		for (const label of this.form.querySelectorAll("label[data-for]")) {
			label.toggleAttribute("hidden", label.getAttribute("data-for") !== valueOf(this.form, "start"));
		}
		const key = this.form.elements.namedItem("key"), allKeys = this.form.elements.namedItem("allKeys");
		if (key instanceof HTMLInputElement && allKeys instanceof HTMLInputElement) key.disabled = allKeys.checked;
	}

	#asked() {
		const chosen = new FormData(this.form);
		return {
			key: String(chosen.get("key") ?? ""),
			allKeys: chosen.has("allKeys"),
			types: chosen.getAll("type").map(String),
			start: valueOf(this.form, "start") || "latest",
			last: valueOf(this.form, "last").trim(),
			after: valueOf(this.form, "after").trim(),
		};
	}

	#end() {
		this.all?.abort();
		this.one?.abort();
	}

	/** One subscription, over as many connections as it takes. */
	async #run() {
		this.#end();
		this.dropped = false;
		const all = this.all = new AbortController();
		const follow = transports[/** @type {keyof typeof transports} */ (valueOf(this.form, "transport"))];
		const subscription = new Subscription(this.stream.name, this.#asked());
		this.arrivals.clear();
		this.told.replaceChildren();
		this.told.hidden = true;
		this.drop.disabled = this.stop.disabled = false;
		let wait = FIRST;
		while (!all.signal.aborted) {
			const one = this.one = new AbortController();
			const opened = () => { wait = FIRST; };
			const reason = await this.#connection(subscription, follow, one.signal, opened);
			if (reason === undefined) break; // refused
			if (all.signal.aborted) break;
			wait = await this.#away(subscription, reason, wait);
		}
		if (this.all !== all) return; // another has begun
		this.drop.disabled = this.stop.disabled = true;
		if (all.signal.aborted) this.#move("off", "not connected");
	}

	/**
	 * One connection: why it ended, undefined where there will be no other.
	 * @param {Subscription} subscription
	 * @param {typeof followSSE} follow
	 * @param {AbortSignal} signal
	 * @param {() => void} opened
	 */
	async #connection(subscription, follow, signal, opened) {
		this.resumed = subscription.position;
		this.caughtUp = this.gaps = 0;
		this.#move("connecting");
		try {
			await follow(subscription, {
				opened: (request, answer) => {
					opened();
					part(this.request, "code", HTMLElement).textContent = request;
					part(this.headers, "pre", HTMLElement).textContent = answer;
					this.request.hidden = this.headers.hidden = false;
					if (this.resumed !== "" || (subscription.behind && subscription.asked.start !== "latest")) this.#move("catching up");
					else this.#live();
				},
				event: (arrival) => { if (!signal.aborted) this.#heard(arrival); },
				live: () => { if (!signal.aborted && this.state.dataset["state"] === "catching up") this.#live(); },
			}, signal);
			return "the server ended it";
		} catch (e) {
			if (!(e instanceof Refusal)) return e instanceof Error ? e.message : String(e);
			this.#move("refused", `refused: ${e.problem.status} ${e.problem.title}`);
			this.#tell(e.message, "bad");
			return undefined;
		}
	}

	/** @param {import("./subscription.js").Arrival} arrival */
	#heard(arrival) {
		this.arrivals.add(arrival);
		switch (arrival.type) {
		case "leat.live":
			return this.#live();
		case "leat.gap": {
			this.gaps++;
			const gap = JSON.parse(arrival.data);
			return this.#tell(`leat.gap, ${gap.reason}: what came after ${gap.after} is missing; it goes on after ${gap.resumedAfter}`, "warn");
		}
		case "leat.end":
			return this.#tell(`leat.end, ${JSON.parse(arrival.data).reason}: the server closes the connection`, "warn");
		case "leat.heartbeat":
			return undefined;
		}
		this.caughtUp++;
		return undefined;
	}

	#live() {
		const seen = events(this.caughtUp);
		if (this.resumed !== "") this.#tell(`resumed after ${this.resumed}, ${seen} caught up${this.gaps > 0 ? "" : ", none missed"}`, "good");
		else if (this.state.dataset["state"] === "catching up") this.#tell(`live, after ${seen} of history`, "good");
		else if (this.told.childElementCount > 0) this.#tell("connected again; this stream keeps nothing, so what happened meanwhile is gone", "warn");
		else this.#tell("live", "good");
		this.#move("live");
	}

	/**
	 * Without a connection, for a while.
	 * @param {Subscription} subscription
	 * @param {string} reason
	 * @param {number} wait
	 * @returns {Promise<number>} the next wait
	 */
	async #away(subscription, reason, wait) {
		const where = subscription.position === "" ? "" : ` after ${subscription.position}`;
		const time = this.dropped ? AWAY : wait;
		this.#tell(`${this.dropped ? "you dropped the connection" : `the connection is lost: ${reason}`}; it goes on${where} in ${Math.round(time / 1000)} s`, "warn");
		this.#move("dropped", "dropped");
		this.drop.textContent = "Go on now";
		this.one = new AbortController();
		await pause(time, this.one.signal);
		this.drop.textContent = "Drop the connection";
		const next = this.dropped ? FIRST : Math.min(wait * 2, MOST);
		this.dropped = false;
		return next;
	}

	/**
	 * @param {string} state
	 * @param {string} [text]
	 */
	#move(state, text = state) {
		this.state.dataset["state"] = state;
		this.state.textContent = text;
	}

	/**
	 * @param {string} text
	 * @param {string} tone
	 */
	#tell(text, tone) {
		this.told.hidden = false;
		this.told.append(element("p", { class: tone }, text));
		this.told.scrollTop = this.told.scrollHeight;
	}
}
