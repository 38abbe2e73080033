// A client that reads the served .proto when it runs: it publishes, and prints all that it is then told.
// Usage: dynamic.mjs FOLDER FILE ADDRESS
import { credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const [, , folder, file, address] = process.argv
const definition = loadSync(file, { includeDirs: [folder], keepCase: true, longs: String, enums: String, defaults: true, oneofs: true })
const client = new (loadPackageDefinition(definition).price_feed.v1.PriceFeedService)(address, credentials.createInsecure())

const summary = await new Promise((resolve, reject) => {
  const upload = client.Publish((error, answer) => error ? reject(error) : resolve(answer))
  for (const volume of ['9007199254740993', '-1']) {
    upload.write({
      price_changed: {
        symbol: 'JS', price: 1.25, volume, side: 'SIDE_SELL_SHORT', at: { seconds: 0 }, venue: { exchange: { code: 'X' } },
      },
    })
  }
  upload.end()
})
console.log(`stored ${summary.stored}, refused ${summary.refused}`)
for (const { index, violations } of summary.errors) {
  for (const { field, description } of violations) console.log(`${index}: ${field} ${description}`)
}

const call = client.Subscribe({ after: 'earliest' })
for await (const { id, time, ...response } of call) {
  if (response.event === 'leat_live') break
  console.log(JSON.stringify(response))
}
call.cancel()
client.close()
