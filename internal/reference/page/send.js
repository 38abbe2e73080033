// @ts-check
// The half of "Try it" that publishes events and sends commands.
import { address, streamPath } from "./contract.js";
import { element, part, valueOf } from "./dom.js";
import { makeForm } from "./form.js";
import { parse } from "./json.js";
import { NotJSON } from "./leaf.js";
import { problemOf } from "./problem.js";

export class Send {
	/**
	 * @param {HTMLElement} panel
	 * @param {import("./contract.js").Stream} stream
	 */
	constructor(panel, stream) {
		this.stream = stream;
		this.form = part(panel, "form.send", HTMLFormElement);
		this.made = part(this.form, ".made", HTMLElement);
		this.raw = part(this.form, ".raw", HTMLElement);
		this.text = part(this.raw, "textarea", HTMLTextAreaElement);
		this.submit = part(this.form, "button:not([type])", HTMLButtonElement);
		this.example = part(this.form, "[name=example]", HTMLButtonElement);
		this.answer = part(this.form, ".answer", HTMLElement);
		this.type = this.#chosen();
		this.data = makeForm(this.type.schema);
		this.#show();
		part(this.form, "[name=type]", HTMLSelectElement).addEventListener("change", () => this.#show());
		for (const mode of this.form.querySelectorAll("[name=mode]")) mode.addEventListener("change", () => this.#turn());
		this.example.addEventListener("click", () => this.#fill(this.type.examples[0]));
		this.form.addEventListener("submit", (e) => { e.preventDefault(); void this.#send(); });
	}

	get #route() {
		return valueOf(this.form, "type").startsWith("commands/") ? "commands" : "events";
	}

	#chosen() {
		const name = valueOf(this.form, "type").replace(/^[a-z]+\//, "");
		const type = [...this.stream.events, ...this.stream.commands].find((type) => type.name === name);
		if (type === undefined) throw new Error(`stream ${this.stream.name} has no ${name}`);
		return type;
	}

	/** Shows the form of the chosen type, with its example. */
	#show() {
		this.type = this.#chosen();
		this.data = makeForm(this.type.schema);
		this.made.replaceChildren(this.data.node);
		this.submit.textContent = this.#route === "events" ? "Publish" : "Send";
		this.example.hidden = this.type.examples.length === 0;
		this.answer.replaceChildren();
		this.#fill(this.type.examples[0]);
	}

	/** @param {unknown} value */
	#fill(value) {
		this.data.clear();
		this.data.set(value);
		this.text.value = JSON.stringify(value ?? {}, undefined, 2);
	}

	get #raw() {
		return valueOf(this.form, "mode") === "json";
	}

	/** Carries what was written from the form to the JSON, or back. */
	#turn() {
		try {
			if (this.#raw) this.text.value = JSON.stringify(parse(this.data.json() ?? "null"), undefined, 2);
			else this.data.set(parse(this.text.value));
		} catch {
			// What cannot be read stays where it is; the other side shows what it had.
		}
		this.made.hidden = this.#raw;
		this.raw.hidden = !this.#raw;
	}

	async #send() {
		this.data.clear();
		this.text.removeAttribute("aria-invalid");
		this.answer.replaceChildren();
		let data = this.text.value;
		try {
			if (!this.#raw) data = this.data.json() ?? "null";
			else parse(data);
		} catch (e) {
			this.#unreadable(e);
			return;
		}
		this.submit.disabled = true;
		try {
			await this.#post(`{"type":${JSON.stringify(this.type.name)},"data":${data}}`);
		} catch (e) {
			this.#say("bad", `the server cannot be reached: ${e instanceof Error ? e.message : e}`);
		}
		this.submit.disabled = false;
	}

	/** @param {unknown} e */
	#unreadable(e) {
		if (e instanceof NotJSON) {
			e.field.fail(e.message);
			e.field.control?.focus();
			return;
		}
		this.text.setAttribute("aria-invalid", "true");
		this.#say("bad", `That is no JSON: ${e instanceof Error ? e.message : e}`);
	}

	/** @param {string} body */
	async #post(body) {
		const path = streamPath(this.#route, this.stream.name, valueOf(this.form, "key"));
		const answer = await fetch(address(path), { method: "POST", headers: { "Content-Type": "application/json" }, body });
		if (!answer.ok) {
			this.#wrong(await problemOf(answer));
			return;
		}
		const text = await answer.text();
		/** @type {{ id?: string, reply?: unknown[] }} */
		const said = text === "" ? {} : parse(text);
		if (this.#route === "commands") this.#say("good", `${answer.status}: done`);
		else this.#say("good", said.id === undefined ? `${answer.status}: sent to who is there` : `${answer.status}: stored as ${said.id}`);
		if ((said.reply ?? []).length > 0) this.answer.append(element("pre", { tabindex: "0" }, JSON.stringify(said.reply, undefined, 2)));
	}

	/**
	 * Shows what is wrong at the fields that it is about.
	 * @param {import("./problem.js").Problem} problem
	 */
	#wrong(problem) {
		this.#say("bad", `${problem.status} ${problem.title}`);
		const list = element("ul");
		/** @type {import("./field.js").Field | undefined} */
		let first;
		for (const { pointer, detail } of problem.errors) {
			const [top, ...way] = pointer.split("/").slice(1).map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
			if (top !== "data" || this.#raw) {
				list.append(element("li", {}, element("code", {}, pointer), ` ${detail}`));
				continue;
			}
			const [field, rest] = this.data.find(way);
			field.fail(rest.length === 0 ? detail : `${rest.join("/")} ${detail}`);
			first ??= field;
		}
		if (problem.errors.length === 0 && problem.detail !== "") list.append(element("li", {}, problem.detail));
		if (list.childElementCount > 0) this.answer.append(list);
		if (this.#raw && problem.errors.length > 0) this.text.setAttribute("aria-invalid", "true");
		first?.control?.focus();
	}

	/**
	 * @param {string} tone
	 * @param {string} text
	 */
	#say(tone, text) {
		this.answer.append(element("p", { class: tone }, text));
	}
}
