package storetest

var propertyTests []test
