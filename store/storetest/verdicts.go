package storetest

var verdictTests []test
