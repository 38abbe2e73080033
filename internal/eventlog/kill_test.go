package eventlog_test

func publishUntilKilled(dir string) {}
