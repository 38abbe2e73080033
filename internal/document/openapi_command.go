package document

// command is POST of a command.
func (o *streamAPI) command(keyed bool) *operation {
	op := &operation{OperationID: o.operationID("command", keyed), Summary: "Send a command to " + o.stream.Name, Tags: []string{o.stream.Name},
		Description: paragraphs(describeStream(o.stream), "The command is checked, and goes to the service that handles it. The answer has its replies; what it publishes goes to everyone."),
		Parameters:  o.pathParameters(keyed)}
	if keyed {
		op.Summary += ", one key"
	}
	op.RequestBody = &requestBody{Required: true, Content: Map[*mediaType]{{"application/json", &mediaType{Schema: o.sent, Examples: o.commandExamples()}}}}
	op.Responses.Set("200", &response{Description: "It was handled.", Content: Map[*mediaType]{{"application/json", &mediaType{Schema: o.replies}}}})
	o.fail(op, "400", "403", "413", "415", "422", "502", "503", "504", "default")
	o.secure(op, o.stream.Access.Command)
	return op
}
