// A client with code that protoc-gen-es generates of the served .proto: it publishes, and prints all that it is then told.
// Usage: generated.js BASE_URL
import { create, toJson } from '@bufbuild/protobuf'
import { timestampFromDate } from '@bufbuild/protobuf/wkt'
import { createClient } from '@connectrpc/connect'
import { Http2SessionManager, createGrpcTransport } from '@connectrpc/connect-node'
import {
  PriceChanged_Side, PriceFeedService, PublishRequestSchema, SubscribeResponseSchema, type PublishRequest,
} from './price_feed/v1/price_feed_pb.js'

const [, , baseUrl] = process.argv
if (baseUrl === undefined) throw new Error('BASE_URL is missing')
const sessionManager = new Http2SessionManager(baseUrl)
const client = createClient(PriceFeedService, createGrpcTransport({ baseUrl, sessionManager }))

async function * prices (): AsyncGenerator<PublishRequest> {
  for (const volume of [9007199254740993n, -1n]) {
    yield create(PublishRequestSchema, {
      event: {
        case: 'priceChanged',
        value: {
          symbol: 'TS', price: 1.25, volume, side: PriceChanged_Side.SELL_SHORT, at: timestampFromDate(new Date(0)),
          venue: { kind: { case: 'exchange', value: { code: 'X' } } },
        },
      },
    })
  }
}

const summary = await client.publish(prices())
console.log(`stored ${summary.stored}, refused ${summary.refused}`)
for (const error of summary.errors) {
  for (const { field, description } of error.violations) console.log(`${error.index}: ${field} ${description}`)
}

subscription: for await (const response of client.subscribe({ start: { case: 'after', value: 'earliest' } })) {
  const { event } = response
  switch (event.case) {
    case 'priceChanged': {
      const { symbol, price, volume, side, legs } = event.value // number, bigint, enum, messages
      console.log(`${symbol} ${price.toFixed(2)} ${volume + 0n} ${PriceChanged_Side[side ?? 0]} ${legs.map(leg => leg.symbol).join('+')}`)
      break
    }
    case 'ticked':
      console.log(`tick ${event.value.value}`)
      break
    case 'leatLive':
      break subscription
    default:
      throw new Error(`unexpected ${event.case}`)
  }
  response.id = '' // as the time, it is another in each run
  delete response.time
  console.log(JSON.stringify(toJson(SubscribeResponseSchema, response)))
}
sessionManager.abort() // or it keeps its connection, and Node running
