package storetest

var namesakeTests []test
