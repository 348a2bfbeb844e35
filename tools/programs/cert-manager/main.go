// Package main runs cert-manager's own controllers, those of certificates that a cluster signs itself.
//
// The commands of cert-manager are modules of their own that cannot be built outside its repository,
// but its controllers are packages that can be imported: this command takes the place of `controller`
// and `cainjector` in one process. It serves the kinds Certificate, CertificateRequest, Issuer and
// ClusterIssuer with the issuers `selfSigned` and `ca`, puts the CA of a Certificate into the webhooks,
// API services and kinds that are annotated for it, and reports when certificates expire. It has no
// admission webhook and knows neither ACME nor an outside authority.
package main

import (
	"context"
	"net"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	certmanager "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/scheme"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	"github.com/cert-manager/cert-manager/pkg/util"

	// Every package below registers a controller or an issuer; which ones are imported is which ones run.
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
)

const (
	metricsAddress = ":9402"
	healthAddress  = ":9403"
	workers        = 2
)

// The lease of cert-manager's own commands: a cluster that answers slowly for half a minute keeps its leader.
var (
	lease = 60 * time.Second
	renew = 40 * time.Second
	retry = 15 * time.Second
)

func main() {
	ctrl.SetLogger(klog.Background())
	if err := run(ctrl.SetupSignalHandler(), os.Getenv("POD_NAMESPACE")); err != nil {
		klog.ErrorS(err, "cert-manager ends")
		os.Exit(1)
	}
}

// run blocks until the context is done. Leases, and Secrets of ClusterIssuers, are in the namespace.
func run(ctx context.Context, namespace string) error {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme, certmanager.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme,
	} {
		utilruntime.Must(add(known))
	}
	mgr, err := ctrl.NewManager(util.RestConfigWithUserAgent(ctrl.GetConfigOrDie(), "cainjector"), ctrl.Options{
		Scheme: known,
		Cache:  cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		// Secrets are watched by their metadata and read when needed, so that memory does not hold them all.
		Client:                        client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Metrics:                       server.Options{BindAddress: "0"},
		HealthProbeBindAddress:        healthAddress,
		LeaderElection:                true,
		LeaderElectionNamespace:       namespace,
		LeaderElectionID:              "cert-manager-controller",
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &lease,
		RenewDeadline:                 &renew,
		RetryPeriod:                   &retry,
	})
	if err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	if err := cainjector.RegisterAllInjectors(ctx, mgr, cainjector.SetupOptions{
		EnableCertificatesDataSource: true,
		EnabledReconcilersFor: map[string]bool{
			cainjector.MutatingWebhookConfigurationName:   true,
			cainjector.ValidatingWebhookConfigurationName: true,
			cainjector.APIServiceName:                     true,
			cainjector.CustomResourceDefinitionName:       true,
		},
	}); err != nil {
		return err
	}
	if err := addControllers(ctx, mgr, namespace); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// everywhere runs in every replica, the leader or not.
type everywhere struct{ manager.RunnableFunc }

func (everywhere) NeedLeaderElection() bool { return false }

// addControllers makes the registered controllers run in the leader, and serves their metrics.
func addControllers(ctx context.Context, mgr ctrl.Manager, namespace string) error {
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		KubernetesAPIQPS:   20,
		KubernetesAPIBurst: 50,
		IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: namespace},
		CertificateOptions: controller.CertificateOptions{
			CopiedAnnotationPrefixes:                 []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"},
			CertificateRequestMinimumBackoffDuration: time.Minute,
			CertificateRequestMaximumBackoffDuration: time.Hour,
		},
	})
	if err != nil {
		return err
	}
	shared, err := factory.Build("controller")
	if err != nil {
		return err
	}
	for name, make := range controller.Known() {
		made, err := make(factory)
		if err != nil {
			return err
		}
		klog.InfoS("controller", "name", name)
		if err := mgr.Add(manager.RunnableFunc(func(ctx context.Context) error { return made.Run(workers, ctx) })); err != nil {
			return err
		}
	}
	kinds := shared.SharedInformerFactory.Certmanager().V1()
	shared.Metrics.SetupCertificateCollector(kinds.Certificates().Lister())
	shared.Metrics.SetupIssuerCollector(kinds.Issuers().Lister())
	shared.Metrics.SetupClusterIssuerCollector(kinds.ClusterIssuers().Lister())
	return mgr.Add(everywhere{func(ctx context.Context) error {
		shared.SharedInformerFactory.Start(ctx.Done())
		shared.KubeSharedInformerFactory.Start(ctx.Done())
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", metricsAddress)
		if err != nil {
			return err
		}
		served := shared.Metrics.NewServer(listener)
		go func() {
			<-ctx.Done()
			_ = served.Close()
		}()
		if err := served.Serve(listener); ctx.Err() == nil {
			return err
		}
		return nil
	}})
}
