// @ts-check
// The events that have arrived: the newest first, no more than a page can hold.
import { element, part } from "./dom.js";

const SHOWN = 200;
const ANNOUNCED = 3000; // milliseconds: a screen reader that is told of each event never ends

const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });

export class Arrivals {
	/** @param {HTMLElement} panel */
	constructor(panel) {
		this.box = part(panel, ".arrived", HTMLElement);
		this.list = part(panel, ".arrivals", HTMLOListElement);
		this.counter = part(panel, ".count", HTMLElement);
		this.announced = part(panel, ".announced", HTMLElement);
		this.count = 0;
		this.untold = 0;
		/** @type {ReturnType<typeof setTimeout> | undefined} */
		this.timer = undefined;
	}

	clear() {
		this.count = this.untold = 0;
		this.list.replaceChildren();
		this.box.hidden = true;
	}

	/** @param {import("./subscription.js").Arrival} arrival */
	add(arrival) {
		const control = arrival.type.startsWith("leat.");
		const time = arrival.time === "" ? new Date() : new Date(arrival.time);
		const row = element("li", { class: control ? "new control" : "new" },
			element("time", arrival.time === "" ? { title: "when it arrived" } : { datetime: arrival.time, title: arrival.time }, clock.format(time)),
			element("b", {}, arrival.type));
		if (arrival.key !== "") row.append(element("span", { class: "key" }, arrival.key));
		if (arrival.id !== "") row.append(element("code", { class: "id" }, arrival.id));
		row.append(element("code", { class: "data" }, arrival.data));
		this.box.hidden = false;
		this.list.prepend(row);
		while (this.list.childElementCount > SHOWN) this.list.lastElementChild?.remove();
		if (!control) this.count++;
		this.counter.textContent = this.count > SHOWN ? `${this.count}, the newest ${SHOWN} shown` : String(this.count);
		this.#announce(arrival.type);
	}

	/** @param {string} type */
	#announce(type) {
		this.untold++;
		this.timer ??= setTimeout(() => {
			this.timer = undefined;
			this.announced.textContent = this.untold === 1 ? `an event arrived: ${type}` : `${this.untold} events arrived`;
			this.untold = 0;
		}, ANNOUNCED);
	}
}
