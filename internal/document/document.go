// Package document makes the documents of a contract that other tools read: OpenAPI and JSON Schemas. The same contract
// gives the same bytes.
package document
