package wiretest_test

func serveUntilKilled(data string) { _ = data }
