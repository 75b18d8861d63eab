package storetest

var walletTests []test
