// @ts-check
// What the server says is wrong (RFC 9457).

/**
 * @typedef {{ pointer: string, detail: string }} Violation
 * @typedef {{ status: number, title: string, detail: string, errors: Violation[] }} Problem
 */

/** A refusal is final: the same request would be refused again. */
export class Refusal extends Error {
	/** @param {Problem} problem */
	constructor(problem) {
		super(problem.detail || problem.title);
		this.problem = problem;
	}
}

/**
 * @param {unknown} value what should be a problem
 * @param {number} status
 * @returns {Problem}
 */
export function asProblem(value, status) {
	const given = /** @type {Partial<Problem>} */ (typeof value === "object" && value !== null ? value : {});
	return {
		status: typeof given.status === "number" ? given.status : status,
		title: typeof given.title === "string" ? given.title : `the server answered ${status}`,
		detail: typeof given.detail === "string" ? given.detail : "",
		errors: Array.isArray(given.errors) ? given.errors : [],
	};
}

/**
 * @param {Response} answer
 * @returns {Promise<Problem>}
 */
export async function problemOf(answer) {
	const text = await answer.text();
	try {
		return asProblem(JSON.parse(text), answer.status);
	} catch {
		return asProblem(undefined, answer.status); // of something between here and the server
	}
}

/**
 * Whether the same request can do better later.
 * @param {number} status
 */
export function passes(status) {
	return status === 429 || status === 502 || status === 503 || status === 504;
}
