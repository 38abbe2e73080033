// Command client publishes and subscribes with nothing but what oapi-codegen makes of the served document, and prints what
// it gets.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"client/api"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, server string) error {
	c, err := api.NewClientWithResponses(server)
	if err != nil {
		return err
	}
	var event api.OrdersPublish
	if err := event.FromOrderShippedPublish(api.OrderShippedPublish{Data: api.OrderShipped{OrderId: "or_7"}}); err != nil {
		return err
	}
	var body api.PublishOrdersJSONRequestBody
	if err := body.FromOrdersPublish(event); err != nil {
		return err
	}
	published, err := c.PublishOrdersWithResponse(ctx, nil, body)
	if err != nil {
		return err
	}
	fmt.Println("published:", published.JSON201.Id != nil)

	room := api.ChatCommand{}
	if err := room.FromSayCommand(api.SayCommand{Data: api.Say{Text: "Hi"}}); err != nil {
		return err
	}
	sent, err := c.CommandChatKeyWithResponse(ctx, "room 1", room)
	if err != nil {
		return err
	}
	fmt.Println("command:", sent.StatusCode(), sent.ApplicationproblemJSON502.Retryable)

	earliest := "earliest"
	types := []api.SubscribeOrdersParamsEventTypes{"order.shipped", "order.cancelled"}
	live, err := c.SubscribeOrders(ctx, &api.SubscribeOrdersParams{After: &earliest, EventTypes: &types})
	if err != nil {
		return err
	}
	defer live.Body.Close()
	lines := bufio.NewScanner(live.Body)
	for lines.Scan() && lines.Text() != "event: leat.live" {
		if name, value, _ := strings.Cut(lines.Text(), ": "); name == "event" || name == "data" {
			fmt.Println(name+":", value)
		}
	}
	return lines.Err()
}
